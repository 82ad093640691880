"""What the host that a command runs on uses itself."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path

from topology.resolve.types import Prefix

__all__ = ["used_prefixes"]

_PROC = Path("/proc/net")


def used_prefixes(proc: Path = _PROC) -> tuple[Prefix, ...]:
    """The prefixes that the host has routes to, default and loopback left out (proc(5))."""
    return (*_ipv4(proc / "route"), *_ipv6(proc / "ipv6_route"))


def _ipv4(file: Path) -> Iterator[IPv4Network]:
    if not file.exists():
        return
    for line in file.read_text().splitlines()[1:]:
        name, destination, *_, mask, _mtu, _window, _irtt = line.split()
        if name != "lo" and int(mask, 16):
            # Words in the host's byte order, which is little on every machine we know.
            address, bits = (
                int.from_bytes(bytes.fromhex(w), "little") for w in (destination, mask)
            )
            yield IPv4Network((IPv4Address(address), str(IPv4Address(bits))))


def _ipv6(file: Path) -> Iterator[IPv6Network]:
    if not file.exists():
        return
    for line in file.read_text().splitlines():
        destination, length, *_, name = line.split()
        network = IPv6Network((IPv6Address(bytes.fromhex(destination)), int(length, 16)))
        local = network.is_link_local or network.is_multicast or name == "lo"
        if not local and 0 < network.prefixlen < 128:
            yield network
