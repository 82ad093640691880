"""Statements and the deployment turned into probes, as data.

A statement is proved on a model elsewhere; here it becomes packets that real tools send from
where the statement's sources stand. Nothing in this module touches the network.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

from topology.resolve.records import is_wildcard, source_of
from topology.resolve.types import (
    Address,
    DnsRecord,
    InterfaceAddress,
    Kind,
    Match,
    Protocol,
    ResolvedNode,
    ResolvedStatement,
    ResolvedTopology,
    StatementKind,
    in_zone,
)

__all__ = [
    "TCP_PORTS",
    "UDP_PORTS",
    "Check",
    "CountersRose",
    "DomainRuns",
    "EchoAnswered",
    "NoAnswer",
    "NoEcho",
    "OnlyOpen",
    "PageServed",
    "PathRecorded",
    "PlaceId",
    "PortOpen",
    "Probe",
    "RecordAnswered",
    "WireCheck",
    "plan_probes",
]

TCP_PORTS = "1-1024,1433,1521,2049,3306,3389,5060,5432,5900,6379,8000,8080,8443,9090,9100,11211"
"""TCP ports scanned where nothing but what is stated may answer (nmap's syntax)."""

UDP_PORTS = "7,53,67,69,111,123,137,161,500,514,520,1900,4500,5353,33434"
"""UDP ports scanned there: fewer, since silence is told only by waiting."""

_SAMPLE_TCP = "22,53,80,443,8080"
_SAMPLE_UDP = "53,123,514"
_RECORDS_PER_ZONE = 16
_ECHO_REQUEST = {Protocol.ICMP: 8, Protocol.ICMPV6: 128}
_ECHO_TYPES = {Protocol.ICMP: {0, 8}, Protocol.ICMPV6: {128, 129}}


@dataclass(frozen=True, slots=True)
class PlaceId:
    """Where a probe starts: an external node itself, or a host of ours on a segment."""

    segment: str
    node: str | None = None

    def __str__(self) -> str:
        return self.node if self.node is not None else f"a host on {self.segment}"


@dataclass(frozen=True, slots=True)
class PageServed:
    """GET `url` over IP `version` answers 200 with exactly `body`.

    A name in it is resolved by the topology's own DNS.
    """

    url: str
    body: bytes
    media_type: str
    version: int


@dataclass(frozen=True, slots=True)
class RecordAnswered:
    """The server answers the question with `answers` (empty: NXDOMAIN), authoritatively."""

    server: Address
    transport: Protocol
    name: str
    type: str
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PortOpen:
    """A TCP port of `address` accepts connections."""

    address: Address
    port: int


@dataclass(frozen=True, slots=True)
class OnlyOpen:
    """Of the scanned ports of `address` none but these answers in any way."""

    address: Address
    tcp: frozenset[int]
    udp: frozenset[int]


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Nothing sent to the sample ports of `address` is answered: not even by a refusal."""

    address: Address
    tcp: str = ""
    udp: str = ""


@dataclass(frozen=True, slots=True)
class EchoAnswered:
    """Every echo request to `address` is answered."""

    address: Address


@dataclass(frozen=True, slots=True)
class NoEcho:
    """Echo requests to `address` get no reply; unsolicited echo replies are sent along."""

    address: Address


@dataclass(frozen=True, slots=True)
class CountersRose:
    """While the probes ran, the node's own counters of these names rose together."""

    node: str
    counters: tuple[str, ...]
    least: int = 1


@dataclass(frozen=True, slots=True)
class PathRecorded:
    """The first hop towards `address` says its name: a time-exceeded from one of `hops`."""

    address: Address
    port: int
    hops: tuple[Address, ...]


@dataclass(frozen=True, slots=True)
class DomainRuns:
    """The node's domain runs, is of the stack's type, and its image has the deployed digest."""

    node: str


WireCheck: TypeAlias = (
    EchoAnswered
    | NoAnswer
    | NoEcho
    | OnlyOpen
    | PageServed
    | PathRecorded
    | PortOpen
    | RecordAnswered
)
"""What a client sees from a place."""

Check: TypeAlias = CountersRose | DomainRuns | WireCheck


@dataclass(frozen=True, slots=True)
class Probe:
    """One thing to see on the wire: which statement it speaks for, from where, and what."""

    statement: str
    target: str
    check: Check
    place: PlaceId | None = None


def plan_probes(topology: ResolvedTopology) -> tuple[Probe, ...]:
    """Every probe of a topology, in a stable order: the deployment, then each statement.

    Counter checks come last, since they are judged over the whole run.
    """
    probes = [
        Probe("deployed", node.name, DomainRuns(node.name))
        for node in topology.nodes.values()
        if node.deployed
    ]
    for statement in topology.statements.values():
        probes.extend(_of_statement(topology, statement))
    unique = tuple(dict.fromkeys(probes))
    return tuple(p for p in unique if not isinstance(p.check, CountersRose)) + tuple(
        p for p in unique if isinstance(p.check, CountersRose)
    )


def _of_statement(topology: ResolvedTopology, statement: ResolvedStatement) -> Iterator[Probe]:
    match statement.kind:
        case StatementKind.REACH:
            yield from _reach(topology, statement)
        case StatementKind.ONLY:
            yield from _only(topology, statement)
        case StatementKind.ISOLATE:
            yield from _isolate(topology, statement)
        case StatementKind.RESOLVE:
            yield from _resolve(topology, statement)
        case StatementKind.WAYPOINT:
            yield from _waypoint(topology, statement)
        case StatementKind.NEVER:
            pass  # about routes, over all packets: no packet of ours shows that there is none


def _reach(topology: ResolvedTopology, statement: ResolvedStatement) -> Iterator[Probe]:
    for place, destination in _pairs(topology, statement):
        for check in _reached(topology, destination, statement.matches, place):
            yield Probe(statement.name, destination.name, check, place)


def _reached(
    topology: ResolvedTopology,
    node: ResolvedNode,
    matches: Iterable[Match],
    place: PlaceId,
) -> Iterator[Check]:
    for match in matches:
        if match.protocol in _ECHO_REQUEST:
            if not match.types or _ECHO_REQUEST[match.protocol] in match.types:
                version = 4 if match.protocol is Protocol.ICMP else 6
                yield from (EchoAnswered(a) for a in _addresses(node) if a.version == version)
            continue
        for port in (
            low for low, high in match.ports for low in range(low, min(high, low + 3) + 1)
        ):
            for address in _addresses(node):
                if node.kind is Kind.WEB and (match.protocol, port) == (Protocol.TCP, 80):
                    yield from _pages(topology, node, address, place)
                elif node.kind is Kind.DNS and port == 53:
                    yield from _records(node, address, match.protocol)
                elif match.protocol is Protocol.TCP:
                    yield PortOpen(address, port)


def _pages(
    topology: ResolvedTopology, node: ResolvedNode, address: Address, place: PlaceId
) -> Iterator[Check]:
    for resource in node.resources:
        url = f"http://{_authority(address)}{resource.path}"
        yield PageServed(url, resource.body, resource.media_type, address.version)
    if place.node is not None and any(r.path == "/" for r in node.resources):
        front = next(r for r in node.resources if r.path == "/")
        for name in _names_of(topology, address):
            yield PageServed(f"http://{name}/", front.body, front.media_type, address.version)


def _records(node: ResolvedNode, address: Address, transport: Protocol) -> Iterator[Check]:
    for zone in node.zones:
        answers: dict[tuple[str, str], list[str]] = {}
        for record in zone.records:
            if record.type in ("A", "AAAA", "PTR", "NS", "TXT"):
                answers.setdefault((record.name, record.type), []).append(record.data)
        for (name, kind), data in list(answers.items())[:_RECORDS_PER_ZONE]:
            yield RecordAnswered(address, transport, name, kind, tuple(sorted(data)))
        absent = _absent_name(zone.origin, zone.records)
        yield RecordAnswered(address, transport, absent, "A", ())


def _only(topology: ResolvedTopology, statement: ResolvedStatement) -> Iterator[Probe]:
    allowed = [topology.statements[name] for name in statement.only]
    for place, destination in _pairs(topology, statement):
        open_ports: dict[Protocol, set[int]] = {Protocol.TCP: set(), Protocol.UDP: set()}
        for other in allowed:
            if destination.name not in other.destinations:
                continue
            for match in other.matches:
                if match.protocol in open_ports:
                    for low, high in match.ports:
                        open_ports[match.protocol].update(range(low, high + 1))
        for address in _addresses(destination):
            check = OnlyOpen(
                address, frozenset(open_ports[Protocol.TCP]), frozenset(open_ports[Protocol.UDP])
            )
            yield Probe(statement.name, destination.name, check, place)


def _isolate(topology: ResolvedTopology, statement: ResolvedStatement) -> Iterator[Probe]:
    echo = not statement.matches or any(
        _ECHO_TYPES[m.protocol] & (set(m.types) or _ECHO_TYPES[m.protocol])
        for m in statement.matches
        if m.protocol in _ECHO_TYPES
    )
    sent = 0
    for place, destination in _pairs(topology, statement):
        if statement.node is not None and not _crosses(
            topology, place, destination, statement.node
        ):
            continue
        for address in _addresses(destination):
            if echo:
                yield Probe(statement.name, destination.name, NoEcho(address), place)
                sent += 1
            tcp, udp = _ports(statement.matches)
            if tcp or udp:
                yield Probe(statement.name, destination.name, NoAnswer(address, tcp, udp), place)
    guard = topology.nodes[statement.node] if statement.node is not None else None
    if sent and echo and guard is not None and guard.policy is not None:
        names = (
            *(f"rule.{r.name}" for r in guard.policy.rules if r.action == "deny"),
            "rule.default",
        )
        yield Probe(statement.name, guard.name, CountersRose(guard.name, names, sent))


def _resolve(topology: ResolvedTopology, statement: ResolvedStatement) -> Iterator[Probe]:
    """The name is asked of every server that has its zone, from every source, over both."""
    name = statement.hostname
    assert name is not None, "a resolve statement names what it is about"
    wanted = [a.ip for d in statement.destinations for a in _all_addresses(topology.nodes[d])]
    for node in topology.nodes.values():
        if not any(in_zone(name, zone.origin) for zone in node.zones):
            continue
        for place, server in _pairs(topology, replace(statement, destinations=(node.name,))):
            for address in _addresses(server):
                for transport in (Protocol.TCP, Protocol.UDP):
                    for version, kind in ((4, "A"), (6, "AAAA")):
                        answers = tuple(sorted(str(a) for a in wanted if a.version == version))
                        if answers:
                            check = RecordAnswered(address, transport, name, kind, answers)
                            yield Probe(statement.name, node.name, check, place)


def _waypoint(topology: ResolvedTopology, statement: ResolvedStatement) -> Iterator[Probe]:
    assert statement.node is not None, "a waypoint statement names its node"
    guard = topology.nodes[statement.node]
    hops = tuple(a.ip for i in guard.interfaces for a in i.addresses)
    for place, destination in _pairs(topology, statement):
        for address in _addresses(destination):
            port = _stated_port(topology, place, destination)
            if port is not None:
                check = PathRecorded(address, port, hops)
                yield Probe(statement.name, destination.name, check, place)
    if guard.policy is not None:
        names = ("established", *(f"rule.{r.name}" for r in guard.policy.rules))
        yield Probe(statement.name, guard.name, CountersRose(guard.name, names))


def _pairs(
    topology: ResolvedTopology, statement: ResolvedStatement
) -> Iterator[tuple[PlaceId, ResolvedNode]]:
    """Each place that a source of the statement stands for, with each destination."""
    places: dict[PlaceId, None] = {}
    for name in statement.sources:
        node = topology.nodes[name]
        if node.deployed:
            # A host of ours beside the node: on its segment, with its routes. A forwarder's
            # segments are those of its neighbours, which are sources of their own.
            if not node.kind.forwards:
                places.update(dict.fromkeys(PlaceId(i.segment) for i in node.interfaces))
        else:
            places.update(dict.fromkeys(PlaceId(i.segment, name) for i in node.interfaces))
    for place in places:
        for name in statement.destinations:
            node = topology.nodes[name]
            if place.node != name:
                yield place, node


def _crosses(
    topology: ResolvedTopology, place: PlaceId, destination: ResolvedNode, waypoint: str
) -> bool:
    """Whether `destination` cannot be reached from `place` without the node `waypoint`."""
    if destination.name == waypoint:
        return True
    seen_segments, frontier = {place.segment}, [place.segment]
    while frontier:
        segment = frontier.pop()
        for node in topology.nodes.values():
            if node.name == waypoint or all(i.segment != segment for i in node.interfaces):
                continue
            if node.name == destination.name:
                return False
            if node.kind.forwards:
                more = {i.segment for i in node.interfaces} - seen_segments
                seen_segments |= more
                frontier.extend(sorted(more))
    return True


def _stated_port(
    topology: ResolvedTopology, place: PlaceId, destination: ResolvedNode
) -> int | None:
    """A TCP port that a `reach` statement opens from here to there, for a path to be recorded."""
    for statement in topology.statements.values():
        if (
            statement.kind is StatementKind.REACH
            and destination.name in statement.destinations
            and place.node in statement.sources
        ):
            for match in statement.matches:
                if match.protocol is Protocol.TCP and match.ports:
                    return match.ports[0][0]
    return None


def _ports(matches: tuple[Match, ...]) -> tuple[str, str]:
    """Sample ports (TCP, UDP) of what a statement isolates; all protocols where it says any."""
    if not matches:
        return _SAMPLE_TCP, _SAMPLE_UDP
    chosen: dict[Protocol, str] = {}
    for match in matches:
        sample = _SAMPLE_TCP if match.protocol is Protocol.TCP else _SAMPLE_UDP
        if match.protocol in (Protocol.TCP, Protocol.UDP):
            ports = ",".join(f"{low}-{min(high, low + 16)}" for low, high in match.ports) or sample
            chosen[match.protocol] = ",".join(filter(None, [chosen.get(match.protocol), ports]))
    return chosen.get(Protocol.TCP, ""), chosen.get(Protocol.UDP, "")


def _all_addresses(node: ResolvedNode) -> tuple[InterfaceAddress, ...]:
    return tuple(a for i in node.interfaces for a in i.addresses)


def _addresses(node: ResolvedNode) -> tuple[Address, ...]:
    return tuple(a.ip for i in node.interfaces for a in i.addresses)


def _names_of(topology: ResolvedTopology, address: Address) -> tuple[str, ...]:
    return tuple(
        sorted(
            {
                record.name
                for node in topology.nodes.values()
                for zone in node.zones
                for record in zone.records
                if record.type in ("A", "AAAA")
                and record.data == str(address)
                and not is_wildcard(record.name)
            }
        )
    )


def _absent_name(origin: str, records: tuple[DnsRecord, ...]) -> str:
    """A name that neither a record nor a wildcard of the zone answers for."""
    taken = {record.name for record in records}
    # Below a name that exists, no wildcard beside it counts: there is always one.
    names = (f"absent.{parent}" for parent in (origin, *sorted(sorted(taken), key=is_wildcard)))
    return next(name for name in names if source_of(name, taken) is None)


def _authority(address: Address) -> str:
    return f"[{address}]" if address.version == 6 else str(address)
