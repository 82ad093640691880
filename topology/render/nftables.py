"""A node's policy as an nftables ruleset (nft(8)), in text.

The init of a container with `dataplane: kernel` loads the same ruleset over netlink, from the
same rules, without nft; a live test reads back what it loaded and compares it with this text. So
both follow one plan: a chain `rules` that the hooks for forwarded and for own packets jump to,
so that each packet is counted by one rule whichever way it takes.

Few rules are a list. Of many, verdict maps choose a short list (`decision_tree`), whose end leads
back to the default; a rule stands in each list that it may match in, and its counter and the limit
of its log are objects that all of these share.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from topology.render.decision_tree import LIST, Box, Field, Node, tree
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
_RATE = "rate 10/second burst 20 packets"
_LOG = 'log prefix "{name}" group 1 snaplen 128'

# The longest name of a Linux interface, and names that mean something else to Linux.
_NAME_LENGTH = 15
_NOT_NAMES = frozenset({".", "..", "all", "default", "lo"})

_VERDICTS = {RuleAction.DENY: "drop", RuleAction.PERMIT: "accept"}
_TYPED = {Protocol.ICMP: 4, Protocol.ICMPV6: 6}
_FAMILIES = {4: ("ip", "ipv4", 32), 6: ("ip6", "ipv6", 128)}
# What nft calls the protocols where they have other names than here.
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
    ports: tuple[_Range, ...] = ()


@dataclass(frozen=True, slots=True)
class _Line:
    """One of the combinations that a rule stands for: its conditions in nft's words."""

    rule: ResolvedRule
    conditions: str
    content: _Content
    source: _Side
    destination: _Side
    family: int | None


def nftables(node: ResolvedNode, *, as_list: bool = False) -> str:
    """The ruleset of a node that filters, one table of both families; `as_list` without a tree.

    Raises `ValueError` for a node without a policy.
    """
    policy = node.policy
    if policy is None:
        raise ValueError(f"{node.name} has no policy")
    verdict = _VERDICTS[policy.default]
    names = interface_names(node)
    lines = [line for rule in policy.rules for line in _alternatives(rule, names)]
    if as_list or len(lines) <= LIST:
        objects, entry = "", [text for line in lines for text in _own(line)]
        lists: list[tuple[str, list[str]]] = []
    else:
        objects = _objects(lines)
        entry, lists = _tree(lines, sorted(names.values()))
    chains = (
        ("rules", _rules(policy, entry)),
        *lists,
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
    return f"table inet {TABLE} {{\n{objects}{body}}}\n"


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


def _rules(policy: ResolvedPolicy, entry: Iterable[str]) -> Iterator[str]:
    if policy.stateful:
        yield 'ct state established counter accept comment "established"'
        yield 'ct state related counter accept comment "related"'
        # Conntrack calls an unasked echo reply invalid, too: of ICMP the rules decide.
        yield 'meta l4proto { tcp, udp } ct state invalid counter drop comment "invalid"'
    yield from entry
    if policy.default is RuleAction.DENY:
        yield f"limit {_RATE} {_LOG.format(name='default')}"
    yield f'counter {_VERDICTS[policy.default]} comment "default"'


def _own(line: _Line) -> Iterator[str]:
    """The lines of nft that stand for one, with a counter and a limit of their own."""
    return _decide(line, f"limit {_RATE}", "counter")


def _shared(line: _Line) -> Iterator[str]:
    """The lines of nft that stand for a copy of one."""
    name = line.rule.name
    return _decide(line, f'limit name "log.{name}"', f'counter name "rule.{name}"')


def _decide(line: _Line, limit: str, counter: str) -> Iterator[str]:
    """The line that decides, behind the one that reports a drop."""
    rule = line.rule
    if rule.log and rule.action is RuleAction.DENY:
        yield f"{line.conditions} {limit} {_LOG.format(name=rule.name)}".lstrip()
    verdict = _VERDICTS[rule.action]
    yield f'{line.conditions} {counter} {verdict} comment "{rule.name}"'.lstrip()


def _objects(lines: Iterable[_Line]) -> str:
    """What copies of a rule share."""
    text = []
    for rule in dict.fromkeys(line.rule for line in lines):
        text.append(f"\tcounter rule.{rule.name} {{\n\t}}\n\n")
        if rule.log and rule.action is RuleAction.DENY:
            text.append(f"\tlimit log.{rule.name} {{\n\t\t{_RATE}\n\t}}\n\n")
    return "".join(text)


def _tree(
    lines: Sequence[_Line], interfaces: Sequence[str]
) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """The line that leads into the tree, and the chains that are its branches and leaves."""
    waiting: list[tuple[int, Node]] = []

    def chain(family: int, node: Node) -> str:
        waiting.append((family, node))
        return f"tree{len(waiting)}"

    roots = tree([_box(line, interfaces) for line in lines])
    families = [f"{_FAMILIES[one][1]} : jump {chain(one, node)}" for one, node in roots.items()]
    chains = []
    # Grows while it is read.
    for number, (family, top) in enumerate(waiting, 1):
        body, node = [], top
        while cut := node.cut:
            members = [
                f"{_value(cut.field, family, ends, interfaces)} : goto {name}"
                for ranges, child in cut.parts
                for name in [chain(family, child)]
                for ends in ranges
            ]
            body.append(f"{_selector(cut.field, family)} vmap {{ {', '.join(members)} }}")
            node = cut.rest
        body += [text for line in node.lines for text in _shared(lines[line])]
        chains.append((f"tree{number}", body))
    return [f"meta nfproto vmap {{ {', '.join(families)} }}"], chains


def _box(line: _Line, interfaces: Sequence[str]) -> Box:
    """What a line asks for, in numbers; an interface is its place among all."""
    content, source, destination = line.content, line.source, line.destination
    places = [
        tuple((interfaces.index(one),) * 2 for one in side.interfaces)
        for side in (source, destination)
    ]
    number = None if content.protocol is None else content.protocol.number
    fields = {
        Field.DESTINATION: _partial(destination),
        Field.SOURCE: _partial(source),
        Field.PORT: content.ports,
        Field.PROTOCOL: () if number is None else ((number, number),),
        Field.INCOMING: places[0],
        Field.OUTGOING: places[1],
    }
    return Box(line.family, {field: ranges for field, ranges in fields.items() if ranges})


def _selector(field: Field, family: int) -> str:
    ip = _FAMILIES[family][0]
    return {
        Field.DESTINATION: f"{ip} daddr",
        Field.SOURCE: f"{ip} saddr",
        Field.PORT: "th dport",
        Field.PROTOCOL: "meta l4proto",
        Field.INCOMING: "iifname",
        Field.OUTGOING: "oifname",
    }[field]


def _value(field: Field, family: int, ends: _Range, interfaces: Sequence[str]) -> str:
    if field in (Field.DESTINATION, Field.SOURCE):
        return _address_range(family, ends)
    if field in (Field.INCOMING, Field.OUTGOING):
        return f'"{interfaces[ends[0]]}"'
    return _numbers(ends)


def _alternatives(rule: ResolvedRule, names: dict[str, str]) -> Iterator[_Line]:
    """The combinations of contents, sources and destinations that a rule stands for."""
    for content in _contents(rule.matches):
        for source in _sides(rule.sources, names):
            for destination in _sides(rule.destinations, names):
                typed = None if content.protocol is None else _TYPED.get(content.protocol)
                families = {typed, source.family, destination.family} - {None}
                if len(families) < 2:
                    family = next(iter(families), None)
                    words = _conditions(content, source, destination, family)
                    yield _Line(rule, words, content, source, destination, family)


def _conditions(content: _Content, source: _Side, destination: _Side, family: int | None) -> str:
    words: list[str] = []
    if source.interfaces:
        words.append(f"iifname {_names(source.interfaces)}")
    if destination.interfaces:
        words.append(f"oifname {_names(destination.interfaces)}")
    addressed = [
        f"{_FAMILIES[side.family][0]} {what} {_addresses(side.family, side.ranges)}"
        for what, side in (("saddr", source), ("daddr", destination))
        if side.family is not None and _partial(side)
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
        ports = _ports(of_it)
        found.append(_Content(protocol, _detail(protocol, of_it, ports), ports))
    return tuple(found)


def _ports(matches: Sequence[Match]) -> tuple[_Range, ...]:
    """The ports that matches of one protocol ask for; none if any will do."""
    if not all(match.ports for match in matches):
        return ()
    ranges = _merge(one for match in matches for one in match.ports)
    return () if ranges == ((0, _LAST_PORT),) else ranges


def _detail(protocol: Protocol, matches: Sequence[Match], ports: Sequence[_Range]) -> str | None:
    if protocol in _TYPED:
        if not all(match.types for match in matches):
            return None
        types = sorted({one for match in matches for one in match.types})
        return f"{protocol.value} type {_braced([str(one) for one in types])}"
    return f"{protocol.value} dport {_braced([_numbers(one) for one in ports])}" if ports else None


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


def _partial(side: _Side) -> tuple[_Range, ...]:
    """The addresses that a side asks for; none if any will do."""
    everything = ((0, (1 << _FAMILIES[side.family or 6][2]) - 1),)
    return () if side.ranges == everything else side.ranges


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


def _numbers(ends: _Range) -> str:
    low, high = ends
    return str(low) if low == high else f"{low}-{high}"


def _names(names: Sequence[str]) -> str:
    return _braced([f'"{name}"' for name in names])


def _braced(members: Sequence[str]) -> str:
    """One member as it is, several as an anonymous set."""
    return members[0] if len(members) == 1 else f"{{ {', '.join(members)} }}"
