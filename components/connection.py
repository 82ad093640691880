"""Connections to libvirt, for what its Pulumi provider cannot do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import libvirt

__all__ = ["connect", "lxc_uri"]


def lxc_uri(uri: str) -> str:
    """The URI of the LXC driver where `uri` is the QEMU driver's: host and query are kept.

    >>> lxc_uri("qemu:///system?socket=/run/lab/libvirt-sock")
    'lxc:///system?socket=/run/lab/libvirt-sock'
    >>> lxc_uri("qemu+ssh://root@host/system")
    'lxc+ssh://root@host/system'
    """
    parts = urlsplit(uri)
    driver, plus, transport = parts.scheme.partition("+")
    if driver == "lxc":
        return uri
    # urlunsplit drops the empty authority of schemes that it does not know.
    rest = urlunsplit(("", "", parts.path, parts.query, ""))
    return f"lxc{plus}{transport}://{parts.netloc}{rest}"


@contextmanager
def connect(uri: str) -> Iterator[libvirt.virConnect]:
    """A connection for the time of the block; errors are exceptions and nothing is printed.

    Raises `libvirt.libvirtError` where nobody answers.
    """
    # The binding prints every error on standard error beside raising it, unless told otherwise.
    libvirt.registerErrorHandler(lambda *_: None, None)
    connection = libvirt.open(uri)
    try:
        yield connection
    finally:
        connection.close()
