"""One `libvirt:uri` for both drivers."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

__all__ = ["DEFAULT_URI", "lxc_uri"]

DEFAULT_URI = "qemu:///system"


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
