"""Connections to libvirt, for what its Pulumi provider cannot do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import libvirt

__all__ = ["connect"]


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
