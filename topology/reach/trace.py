"""One packet's way through the network, hop by hop: slow, obvious, and the model's reference.

Nothing is shared with the sets of `topology.reach.network` but the resolved topology: every proof
is held against this by property tests, and every counter-example is walked here before it is
shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from topology.reach.space import Packet
from topology.resolve.types import (
    Address,
    Endpoint,
    Match,
    Prefix,
    Protocol,
    ResolvedNode,
    ResolvedPolicy,
    ResolvedRoute,
    ResolvedRule,
    ResolvedTopology,
    ReversePath,
    RuleAction,
)

__all__ = ["End", "Hop", "Judgement", "Reverse", "Trace", "judge", "trace"]


class End(StrEnum):
    """How a packet ends."""

    DELIVERED = "delivered"
    FILTERED = "filtered"
    LOOP = "loop"
    MARTIAN = "martian"
    NO_NEIGHBOUR = "no neighbour"
    NO_ROUTE = "no route"
    SPOOFED = "spoofed"


@dataclass(frozen=True, slots=True)
class Reverse:
    """Where a node would send to a packet's source: by a route, or to an attached prefix.

    `egress` is `None` where it would not know.
    """

    route: ResolvedRoute | None
    egress: str | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a node's policy says of a packet, and why.

    A rule decides, or the default; of an answer, whether its flow was seen open.
    """

    permitted: bool
    rule: int | None = None
    established: bool = False
    unknown: bool = False


@dataclass(frozen=True, slots=True)
class Hop:
    """A node on the way: how the packet came in, what the policy said, and where it goes next.

    `ingress` is `None` at the origin, `egress` where the packet ends. Without a `route` it goes
    to a neighbour on the attached segment `egress`. `judgement` is `None` without a policy,
    `reverse` but where it is why the packet is dropped.
    """

    node: str
    ingress: str | None
    judgement: Judgement | None
    route: ResolvedRoute | None
    egress: str | None
    reverse: Reverse | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """A packet, every node on its way, and its end at the last of them.

    A packet that is delivered ends at the node that has the destination. One that was `handed`
    to a neighbour took its first step whatever the routes of its origin say.
    """

    packet: Packet
    hops: tuple[Hop, ...]
    end: End
    handed: bool = False

    @property
    def nodes(self) -> tuple[str, ...]:
        """The nodes on the way."""
        return tuple(hop.node for hop in self.hops)

    @property
    def last(self) -> Hop:
        """Where it ends."""
        return self.hops[-1]


def trace(
    topology: ResolvedTopology,
    packet: Packet,
    origin: str,
    *,
    first: tuple[str, str] | None = None,
    answers_to: frozenset[str] | None = None,
) -> Trace:
    """Walks a packet from a node until it is delivered or lost.

    `first` is a segment and a node on it that the packet is handed to, whatever the routes of
    `origin` say. With `answers_to` it is an answer, to a flow that these nodes have seen open.
    """
    hops: list[Hop] = []

    def ended(end: End) -> Trace:
        return Trace(packet, tuple(hops), end, handed)

    handed = first is not None and packet.destination not in _own(topology.nodes[first[1]])
    node = topology.nodes[origin]
    ingress: str | None = None
    while True:
        if ingress is not None and not node.kind.forwards:
            hops.append(Hop(node.name, ingress, None, None, None))
            here = packet.destination in _own(node)
            return ended(End.DELIVERED if here else End.NO_NEIGHBOUR)
        if ingress is not None and _is_martian(node, packet):
            hops.append(Hop(node.name, ingress, None, None, None))
            return ended(End.MARTIAN)
        if ingress is not None and node.reverse_path is ReversePath.STRICT:
            back, returning, _ = _next(topology, node, packet.source)
            if back != ingress:
                hops.append(Hop(node.name, ingress, None, None, None, Reverse(returning, back)))
                return ended(End.SPOOFED)
        if any(hop.node == node.name for hop in hops[1:]):
            hops.append(Hop(node.name, ingress, None, None, None))
            return ended(End.LOOP)
        here = ingress is not None and packet.destination in _own(node)
        egress, route, following = _next(topology, node, packet.destination)
        if first is not None and ingress is None:
            egress, route, following = first[0], None, first[1]
        if not here and egress is None:
            hops.append(Hop(node.name, ingress, None, None, None))
            return ended(End.NO_ROUTE)
        said = None
        if ingress is not None and node.policy is not None:
            said = _judge(node, packet, ingress, None if here else egress, answers_to)
            if not said.permitted:
                hops.append(Hop(node.name, ingress, said, None, None))
                return ended(End.FILTERED)
        if here:
            hops.append(Hop(node.name, ingress, said, None, None))
            return ended(End.DELIVERED)
        hops.append(Hop(node.name, ingress, said, route, egress))
        if following is None:
            return ended(End.NO_NEIGHBOUR)
        node, ingress = topology.nodes[following], egress


def judge(policy: ResolvedPolicy, packet: Packet, ingress: str, egress: str | None) -> Judgement:
    """The first rule that matches, else the default."""
    for index, rule in enumerate(policy.rules):
        if _matches(rule, packet, ingress, egress):
            return Judgement(rule.action is RuleAction.PERMIT, index)
    return Judgement(policy.default is RuleAction.PERMIT)


def _judge(
    node: ResolvedNode,
    packet: Packet,
    ingress: str,
    egress: str | None,
    answers_to: frozenset[str] | None,
) -> Judgement:
    assert node.policy is not None
    if answers_to is not None and node.policy.stateful:
        seen = node.name in answers_to
        return Judgement(seen, established=seen, unknown=not seen)
    return judge(node.policy, packet, ingress, egress)


def _matches(rule: ResolvedRule, packet: Packet, ingress: str, egress: str | None) -> bool:
    return (
        _is_side(rule.sources, packet.source, ingress)
        and _is_side(rule.destinations, packet.destination, egress)
        and (not rule.matches or any(_is_match(match, packet) for match in rule.matches))
    )


def _is_side(endpoints: tuple[Endpoint, ...], address: Address, interface: str | None) -> bool:
    return not endpoints or any(
        endpoint.interface == interface if endpoint.prefix is None else address in endpoint.prefix
        for endpoint in endpoints
    )


def _is_match(match: Match, packet: Packet) -> bool:
    if match.protocol is not packet.protocol or packet.port is None:
        return False
    if match.protocol in (Protocol.TCP, Protocol.UDP):
        return not match.ports or any(low <= packet.port <= high for low, high in match.ports)
    return not match.types or packet.port in match.types


def _next(
    topology: ResolvedTopology, node: ResolvedNode, destination: Address
) -> tuple[str | None, ResolvedRoute | None, str | None]:
    """The interface, the route and the node that come next; an attached prefix goes first."""
    best = -1
    found: tuple[str | None, ResolvedRoute | None, str | None] = (None, None, None)
    for interface in node.interfaces:
        for address in interface.addresses:
            if destination in address.network and address.network.prefixlen > best:
                best = address.network.prefixlen
                if destination in _edges(address.network):
                    return None, None, None
                owner = _owner(topology, interface.segment, destination)
                found = (interface.segment, None, owner)
    for route in node.routes:
        if destination in route.prefix and route.prefix.prefixlen > best:
            best = route.prefix.prefixlen
            found = (route.interface, route, route.next_hop)
    return found


def _owner(topology: ResolvedTopology, segment: str, address: Address) -> str | None:
    for name, node in topology.nodes.items():
        for interface in node.interfaces:
            if interface.segment == segment and any(a.ip == address for a in interface.addresses):
                return name
    return None


def _edges(network: Prefix) -> tuple[Address, ...]:
    """The addresses of a prefix that no host has: IPv4's network and broadcast address."""
    if network.version == 6 or network.prefixlen > 30:
        return ()
    return network.network_address, network.broadcast_address


def _own(node: ResolvedNode) -> frozenset[Address]:
    return frozenset(a.ip for interface in node.interfaces for a in interface.addresses)


def _is_martian(node: ResolvedNode, packet: Packet) -> bool:
    own = [a for i in node.interfaces for a in i.addresses if a.version == packet.source.version]
    if packet.source.version == 6:
        # RFC 4291 section 2.6.1: every router of a prefix is the anycast address of it.
        anycast = [a.network[0] for a in own if a.network.prefixlen < 127]
        strict = node.reverse_path is ReversePath.STRICT
        return strict and packet.source in [*(a.ip for a in own), *anycast]
    edges = [edge for a in own for edge in _edges(a.network)]
    return any(packet.source == a.ip for a in own) or packet.source in edges
