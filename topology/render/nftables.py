"""A node's policy as an nftables ruleset (nft(8)), in text.

The init of a container with `dataplane: kernel` loads the same ruleset over netlink, from the
same rules, without nft; a live test reads back what it loaded and compares it with this text. So
both follow one plan: a chain `rules` that the hooks for forwarded and for own packets jump to,
so that each packet is counted by one rule whichever way it takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from topology.resolve.types import (
    Endpoint,
    Match,
    Protocol,
    ResolvedNode,
    ResolvedPolicy,
    ResolvedRule,
    RuleAction,
)

__all__ = ["TABLE", "nftables"]

TABLE = "topology"

# Logged drops go to init through the kernel's packet log, headers only, a few each second.
_LOG = 'limit rate 10/second burst 20 packets log prefix "{name}" group 1 snaplen 128'

# The longest name of a Linux interface, and names that mean something else to Linux.
_NAME_LENGTH = 15
_NOT_NAMES = frozenset({".", "..", "all", "default", "lo"})

_VERDICTS = {RuleAction.DENY: "drop", RuleAction.PERMIT: "accept"}
_TYPED = {Protocol.ICMP: 4, Protocol.ICMPV6: 6}
_FAMILIES = {4: ("ip", "ipv4", 32), 6: ("ip6", "ipv6", 128)}
# What nft calls the numbers of the protocols where they have other names than here.
_L4PROTO = {Protocol.ICMPV6: "ipv6-icmp"}
_LAST_PORT = 65535

_Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Side:
    """One side of a rule: any, some interfaces, or ranges of addresses of one family."""

    interfaces: tuple[str, ...] = ()
    family: int | None = None
    ranges: tuple[_Range, ...] = ()


@dataclass(frozen=True, slots=True)
class _Content:
    """What a rule says of the packet itself: its protocol and, in nft's words, its header."""

    protocol: Protocol | None = None
    detail: str | None = None


def nftables(node: ResolvedNode) -> str:
    """The ruleset of a node that filters, one table of both families.

    Raises `ValueError` for a node without a policy.
    """
    policy = node.policy
    if policy is None:
        raise ValueError(f"{node.name} has no policy")
    verdict = _VERDICTS[policy.default]
    chains = (
        ("rules", _rules(policy, interface_names(node))),
        (
            "forward",
            (f"type filter hook forward priority filter; policy {verdict};", "jump rules"),
        ),
        (
            "input",
            (
                f"type filter hook input priority filter; policy {verdict};",
                # RFC 4861 section 7.1: only a neighbour's packet still has hop limit 255.
                "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 accept",
                # Nothing listens to what is sent to many, and it is no attempt at this node:
                # neither judged nor reported.
                "meta pkttype != unicast drop",
                "jump rules",
            ),
        ),
    )
    body = "\n".join(_chain(name, lines) for name, lines in chains)
    return f"table inet {TABLE} {{\n{body}}}\n"


def _chain(name: str, lines: Iterable[str]) -> str:
    block = "".join(f"\t\t{line}\n" for line in lines)
    return f"\tchain {name} {{\n{block}\t}}\n"


def interface_names(node: ResolvedNode) -> dict[str, str]:
    """The names that a node's interfaces have in its container, by their segments' names.

    Those of the segments if all of them can be names of Linux interfaces, else `port0`,
    `port1`, … in the segments' order.
    """
    segments = sorted(interface.segment for interface in node.interfaces)
    if all(len(one) <= _NAME_LENGTH and one not in _NOT_NAMES for one in segments):
        return {one: one for one in segments}
    return {one: f"port{index}" for index, one in enumerate(segments)}


def _rules(policy: ResolvedPolicy, names: dict[str, str]) -> tuple[str, ...]:
    lines: list[str] = []
    if policy.stateful:
        lines += [
            'ct state established counter accept comment "established"',
            'ct state related counter accept comment "related"',
            # Conntrack calls an unasked echo reply invalid, too: of ICMP the rules decide.
            'meta l4proto { tcp, udp } ct state invalid counter drop comment "invalid"',
        ]
    for rule in policy.rules:
        for conditions in _alternatives(rule, names):
            lines += _decide(conditions, rule.action, rule.name, log=rule.log)
    lines += _decide("", policy.default, "default", log=True)
    return tuple(lines)


def _decide(conditions: str, action: RuleAction, name: str, *, log: bool) -> Iterator[str]:
    """The lines that decide, the one before that reports a drop included."""
    if log and action is RuleAction.DENY:
        yield f"{conditions} {_LOG.format(name=name)}".lstrip()
    yield f'{conditions} counter {_VERDICTS[action]} comment "{name}"'.lstrip()


def _alternatives(rule: ResolvedRule, names: dict[str, str]) -> Iterator[str]:
    """The combinations of contents, sources and destinations that a rule stands for."""
    for content in _contents(rule.matches):
        for source in _sides(rule.sources, names):
            for destination in _sides(rule.destinations, names):
                typed = None if content.protocol is None else _TYPED.get(content.protocol)
                families = {typed, source.family, destination.family} - {None}
                if len(families) < 2:
                    yield _conditions(content, source, destination, next(iter(families), None))


def _conditions(content: _Content, source: _Side, destination: _Side, family: int | None) -> str:
    words: list[str] = []
    if source.interfaces:
        words.append(f"iifname {_names(source.interfaces)}")
    if destination.interfaces:
        words.append(f"oifname {_names(destination.interfaces)}")
    addressed = [
        f"{_FAMILIES[side.family][0]} {what} {_addresses(side.family, side.ranges)}"
        for what, side in (("saddr", source), ("daddr", destination))
        if side.family is not None and side.ranges != _all_addresses(side.family)
    ]
    typed = content.protocol in _TYPED and content.detail is not None
    if family is not None and not addressed and not typed:
        # Nothing else says which family is meant.
        words.append(f"meta nfproto {_FAMILIES[family][1]}")
    words += addressed
    if content.detail is not None:
        words.append(content.detail)
    elif content.protocol is not None:
        words.append(f"meta l4proto {_L4PROTO.get(content.protocol, content.protocol.value)}")
    return " ".join(words)


def _contents(matches: Sequence[Match]) -> tuple[_Content, ...]:
    """One content for each protocol, in the order of first mention."""
    if not matches:
        return (_Content(),)
    found = []
    for protocol in dict.fromkeys(match.protocol for match in matches):
        of_it = [match for match in matches if match.protocol is protocol]
        found.append(_Content(protocol, _detail(protocol, of_it)))
    return tuple(found)


def _detail(protocol: Protocol, matches: Sequence[Match]) -> str | None:
    if protocol in _TYPED:
        if not all(match.types for match in matches):
            return None
        types = sorted({one for match in matches for one in match.types})
        return f"{protocol.value} type {_braced([str(one) for one in types])}"
    if not all(match.ports for match in matches):
        return None
    ranges = _merge(one for match in matches for one in match.ports)
    if ranges == ((0, _LAST_PORT),):
        return None
    ports = [str(low) if low == high else f"{low}-{high}" for low, high in ranges]
    return f"{protocol.value} dport {_braced(ports)}"


def _sides(endpoints: Sequence[Endpoint], names: dict[str, str]) -> tuple[_Side, ...]:
    """The sides that endpoints stand for: interfaces first, then IPv4, then IPv6."""
    if not endpoints:
        return (_Side(),)
    sides = []
    interfaces = {names[one.interface] for one in endpoints if one.interface is not None}
    if interfaces:
        sides.append(_Side(interfaces=tuple(sorted(interfaces))))
    prefixes = [one.prefix for one in endpoints if one.prefix is not None]
    for family in _FAMILIES:
        ranges = _merge(
            (int(one.network_address), int(one.broadcast_address))
            for one in prefixes
            if one.version == family
        )
        if ranges:
            sides.append(_Side(family=family, ranges=ranges))
    return tuple(sides)


def _merge(ranges: Iterable[_Range]) -> tuple[_Range, ...]:
    """Sorts ranges (both ends inclusive) and joins those that overlap or touch."""
    merged: list[_Range] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def _all_addresses(family: int) -> tuple[_Range, ...]:
    return ((0, (1 << _FAMILIES[family][2]) - 1),)


def _addresses(family: int, ranges: Sequence[_Range]) -> str:
    return _braced([_address_range(family, one) for one in ranges])


def _address_range(family: int, ends: _Range) -> str:
    low, high = ends
    address = IPv4Address if family == 4 else IPv6Address
    span = high - low + 1
    if low == high:
        return str(address(low))
    if span & (span - 1) == 0 and low % span == 0:
        return f"{address(low)}/{_FAMILIES[family][2] - span.bit_length() + 1}"
    return f"{address(low)}-{address(high)}"


def _names(names: Sequence[str]) -> str:
    return _braced([f'"{name}"' for name in names])


def _braced(members: Sequence[str]) -> str:
    """One member as it is, several as an anonymous set."""
    return members[0] if len(members) == 1 else f"{{ {', '.join(members)} }}"
