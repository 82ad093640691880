"""Addresses and MACs: those declared, and those derived so that nothing else moves them.

A derived value is a hash of the names it belongs to (node, segment), never of a position in the
file. Where two hashes meet, the next try is another hash; names are served in sorted order, so
a new node moves another one only if it comes before it and their hashes meet.
"""

from __future__ import annotations

from hashlib import sha256
from ipaddress import IPv4Interface, IPv4Network, IPv6Interface, IPv6Network

from topology.diagnostics import Code, Diagnostic, Subject
from topology.model import Kind, Topology
from topology.resolve.types import Address, InterfaceAddress, Prefix

__all__ = ["Attachment", "address_key", "assign_addresses", "assign_macs", "derive_address"]

Attachment = tuple[str, str]
"""A node's name and the segment that it is attached to."""

_SPAN = 1 << 16
"""Derived addresses lie among the first of a prefix, to stay short enough to read."""

_GATEWAYS = 15
"""Host numbers 1 to 15 are tried for forwarders, and left to them in prefixes of 64 or more."""

_TRIES = 32


def address_key(address: Address | InterfaceAddress | Prefix) -> tuple[int, int, int]:
    """Sorts IPv4 before IPv6, then by value, then by length of the prefix."""
    if isinstance(address, IPv4Network | IPv6Network):
        return (address.version, int(address.network_address), address.prefixlen)
    return (address.version, int(address), 0)


def assign_addresses(
    topology: Topology,
) -> tuple[dict[Attachment, tuple[InterfaceAddress, ...]], list[Diagnostic]]:
    """Every interface's addresses with the lengths of its segment's prefixes, sorted.

    Declared addresses are expected to lie in a prefix of their segment.
    """
    taken: dict[str, set[Address]] = {name: set() for name in topology.segments}
    found: dict[Attachment, list[InterfaceAddress]] = {}
    wanted: list[Attachment] = []
    for name in sorted(topology.nodes):
        for segment, interface in topology.nodes[name].interfaces.items():
            found[name, segment] = []
            if not interface.addresses:
                wanted.append((name, segment))
            for address in interface.addresses:
                prefix = next(p for p in topology.segments[segment].prefixes if address in p)
                taken[segment].add(address)
                found[name, segment].append(_interface(address, prefix))
    diagnostics = []
    for name, segment in sorted(wanted):
        gateway = Kind(topology.nodes[name].kind).forwards
        for prefix in topology.segments[segment].prefixes:
            derived = derive_address(prefix, name, segment, gateway, taken[segment])
            if derived is None:
                diagnostics.append(_full(name, segment, prefix))
                continue
            taken[segment].add(derived)
            found[name, segment].append(_interface(derived, prefix))
    ordered = {key: tuple(sorted(value, key=address_key)) for key, value in found.items()}
    return ordered, diagnostics


def derive_address(
    prefix: Prefix, node: str, segment: str, gateway: bool, taken: set[Address]
) -> Address | None:
    """A host address of `prefix` that is not `taken`, or `None` when all are.

    Tried in order: hashes within the band of the kind, then every host number from the first.
    The number does not depend on the prefix's value, so that renumbering a segment keeps it.
    """
    low, high = _hosts(prefix)
    band = (low, high)
    if high - low + 1 >= 62:
        band = (1, _GATEWAYS) if gateway else (_GATEWAYS + 1, min(high, _SPAN))
    for attempt in range(_TRIES):
        number = band[0] + _hash(node, segment, str(attempt)) % (band[1] - band[0] + 1)
        if prefix[number] not in taken:
            return prefix[number]
    # More candidates than taken addresses are enough to find a free one.
    for number in range(low, min(high, low + len(taken)) + 1):
        if prefix[number] not in taken:
            return prefix[number]
    return None


def assign_macs(topology: Topology) -> dict[Attachment, str]:
    """Every interface's MAC: the declared, else 02 and 40 bits of hash (locally administered)."""
    interfaces = {
        (name, segment): interface
        for name in sorted(topology.nodes)
        for segment, interface in sorted(topology.nodes[name].interfaces.items())
    }
    macs = {key: i.mac for key, i in interfaces.items() if i.mac is not None}
    taken = set(macs.values())
    for node, segment in interfaces:
        attempt = 0
        while (node, segment) not in macs:
            digest = sha256(f"{topology.name}\n{node}\n{segment}\n{attempt}".encode()).digest()
            mac = ":".join(f"{byte:02x}" for byte in (0x02, *digest[:5]))
            attempt += 1
            if mac not in taken:
                taken.add(mac)
                macs[node, segment] = mac
    return macs


def _interface(address: Address, prefix: Prefix) -> InterfaceAddress:
    """An address with its prefix's length, made from numbers: text would be parsed again."""
    parts = (int(address), prefix.prefixlen)
    return IPv4Interface(parts) if address.version == 4 else IPv6Interface(parts)


def _hosts(prefix: Prefix) -> tuple[int, int]:
    """The first and last host number: no network, broadcast or subnet-router anycast address.

    Both addresses of an IPv4 /31 are hosts (RFC 3021), and of an IPv6 /127 (RFC 6164).
    """
    if prefix.prefixlen == prefix.max_prefixlen - 1:
        return 0, 1
    return 1, prefix.num_addresses - (2 if prefix.version == 4 else 1)


def _hash(*parts: str) -> int:
    return int.from_bytes(sha256("\n".join(parts).encode()).digest()[:8], "big")


def _full(node: str, segment: str, prefix: Prefix) -> Diagnostic:
    return Diagnostic(
        Code.NO_FREE_ADDRESS,
        f"no address of {prefix} is left for {node}",
        Subject(("nodes", node, "interfaces", segment), on_key=True),
        hint=f"give segment {segment} a shorter prefix",
    )
