"""The combinations of contents, sources and destinations that a rule stands for, in nft's words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from topology.resolve.types import Endpoint, Match, Protocol, ResolvedRule

__all__ = [
    "FAMILIES",
    "OUTGOING",
    "Content",
    "Line",
    "Range",
    "Side",
    "address_range",
    "alternatives",
    "merge",
    "numbers",
    "partial",
]

FAMILIES = {4: ("ip", "ipv4", 32), 6: ("ip6", "ipv6", 128)}
"""An IP version's name in nft's conditions, its name by itself, the bits of its addresses."""

OUTGOING = "fib daddr oifname"
"""Where a packet will leave: judged as it comes in, it has not been routed yet."""

_TYPED = {Protocol.ICMP: 4, Protocol.ICMPV6: 6}
# What nft calls the protocols where they have other names than here.
_L4PROTO = {Protocol.ICMPV6: "ipv6-icmp"}
_LAST_PORT = 65535

Range = tuple[int, int]
"""Both ends inclusive."""


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a rule: any, some interfaces, or ranges of addresses of one family."""

    interfaces: tuple[str, ...] = ()
    family: int | None = None
    ranges: tuple[Range, ...] = ()


@dataclass(frozen=True, slots=True)
class Content:
    """What a rule says of the packet itself: its protocol and, in nft's words, its header."""

    protocol: Protocol | None = None
    detail: str | None = None
    ports: tuple[Range, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """One of the combinations that a rule stands for: its conditions in nft's words."""

    rule: ResolvedRule
    conditions: str
    content: Content
    source: Side
    destination: Side
    family: int | None


def alternatives(rule: ResolvedRule, names: dict[str, str]) -> Iterator[Line]:
    """The combinations of contents, sources and destinations that a rule stands for."""
    for content in _contents(rule.matches):
        for source in _sides(rule.sources, names):
            for destination in _sides(rule.destinations, names):
                typed = None if content.protocol is None else _TYPED.get(content.protocol)
                families = {typed, source.family, destination.family} - {None}
                if len(families) < 2:
                    family = next(iter(families), None)
                    words = _conditions(content, source, destination, family)
                    yield Line(rule, words, content, source, destination, family)


def _conditions(content: Content, source: Side, destination: Side, family: int | None) -> str:
    words: list[str] = []
    if source.interfaces:
        words.append(f"iifname {_names(source.interfaces)}")
    if destination.interfaces:
        words.append(f"{OUTGOING} {_names(destination.interfaces)}")
    addressed = [
        f"{FAMILIES[side.family][0]} {what} {_addresses(side.family, side.ranges)}"
        for what, side in (("saddr", source), ("daddr", destination))
        if side.family is not None and partial(side)
    ]
    typed = content.protocol in _TYPED and content.detail is not None
    if family is not None and not addressed and not typed:
        # Nothing else says which family is meant.
        words.append(f"meta nfproto {FAMILIES[family][1]}")
    words += addressed
    if content.detail is not None:
        words.append(content.detail)
    elif content.protocol is not None:
        words.append(f"meta l4proto {_L4PROTO.get(content.protocol, content.protocol.value)}")
    return " ".join(words)


def _contents(matches: Sequence[Match]) -> tuple[Content, ...]:
    """One content for each protocol, in the order of first mention."""
    if not matches:
        return (Content(),)
    found = []
    for protocol in dict.fromkeys(match.protocol for match in matches):
        of_it = [match for match in matches if match.protocol is protocol]
        ports = _ports(of_it)
        found.append(Content(protocol, _detail(protocol, of_it, ports), ports))
    return tuple(found)


def _ports(matches: Sequence[Match]) -> tuple[Range, ...]:
    """The ports that matches of one protocol ask for; none if any will do."""
    if not all(match.ports for match in matches):
        return ()
    ranges = merge(one for match in matches for one in match.ports)
    return () if ranges == ((0, _LAST_PORT),) else ranges


def _detail(protocol: Protocol, matches: Sequence[Match], ports: Sequence[Range]) -> str | None:
    if protocol in _TYPED:
        if not all(match.types for match in matches):
            return None
        types = sorted({one for match in matches for one in match.types})
        return f"{protocol.value} type {_braced([str(one) for one in types])}"
    return f"{protocol.value} dport {_braced([numbers(one) for one in ports])}" if ports else None


def _sides(endpoints: Sequence[Endpoint], names: dict[str, str]) -> tuple[Side, ...]:
    """The sides that endpoints stand for: interfaces first, then IPv4, then IPv6."""
    if not endpoints:
        return (Side(),)
    sides = []
    interfaces = {names[one.interface] for one in endpoints if one.interface is not None}
    if interfaces:
        sides.append(Side(interfaces=tuple(sorted(interfaces))))
    prefixes = [one.prefix for one in endpoints if one.prefix is not None]
    for family in FAMILIES:
        ranges = merge(
            (int(one.network_address), int(one.broadcast_address))
            for one in prefixes
            if one.version == family
        )
        if ranges:
            sides.append(Side(family=family, ranges=ranges))
    return tuple(sides)


def merge(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """Sorts ranges (both ends inclusive) and joins those that overlap or touch."""
    merged: list[Range] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def partial(side: Side) -> tuple[Range, ...]:
    """The addresses that a side asks for; none if any will do."""
    everything = ((0, (1 << FAMILIES[side.family or 6][2]) - 1),)
    return () if side.ranges == everything else side.ranges


def _addresses(family: int, ranges: Sequence[Range]) -> str:
    return _braced([address_range(family, one) for one in ranges])


def address_range(family: int, ends: Range) -> str:
    """A range of addresses as nft writes it: one, a prefix, or both ends."""
    low, high = ends
    address = IPv4Address if family == 4 else IPv6Address
    span = high - low + 1
    if low == high:
        return str(address(low))
    if span & (span - 1) == 0 and low % span == 0:
        return f"{address(low)}/{FAMILIES[family][2] - span.bit_length() + 1}"
    return f"{address(low)}-{address(high)}"


def numbers(ends: Range) -> str:
    """A range of numbers as nft writes it."""
    low, high = ends
    return str(low) if low == high else f"{low}-{high}"


def _names(names: Sequence[str]) -> str:
    return _braced([f'"{name}"' for name in names])


def _braced(members: Sequence[str]) -> str:
    """One member as it is, several as an anonymous set."""
    return members[0] if len(members) == 1 else f"{{ {', '.join(members)} }}"
