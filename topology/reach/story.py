"""A packet's way told: what each node did with it, and by which rule or route of the topology."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from topology.diagnostics import Path
from topology.model import Topology
from topology.reach.trace import End, Hop, Judgement, Trace
from topology.resolve import Names
from topology.resolve.routes import destination_prefixes
from topology.resolve.types import ResolvedRoute, ResolvedTopology

__all__ = ["Told", "deciding", "route_path", "tell"]


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that a node did; `path` is what in the topology made it do so, if anything."""

    node: str
    text: str
    path: Path = ()


def tell(trace: Trace, topology: ResolvedTopology, declared: Topology | None = None) -> list[Told]:
    """What happens to a packet, in order.

    With `declared` a route's path is that of the line that gives it; derived routes have their
    node's.
    """
    told: list[Told] = []
    for place, hop in enumerate(trace.hops):
        following = trace.hops[place + 1] if place + 1 < len(trace.hops) else None
        told.extend(_hop(trace, hop, following, topology, declared))
    return told


def deciding(
    trace: Trace, topology: ResolvedTopology, declared: Topology | None = None
) -> Told | None:
    """What decided a packet's fate: what dropped it, or the last rule that let it through."""
    told = tell(trace, topology, declared)
    if trace.end is not End.DELIVERED:
        return told[-1] if told else None
    rules = [each for each in told if each.path[:1] == ("policies",)]
    return rules[-1] if rules else None


def route_path(declared: Topology | None, node: str, route: ResolvedRoute) -> Path:
    """Where a topology gives a route: its destination's key, or the node where it is derived."""
    path: Path = ("nodes", node, "routes")
    if declared is None:
        return path
    routes = declared.nodes[node].routes
    if routes is None:
        return path[:2]
    names = Names(declared)
    for destination, hop in routes.items():
        if hop == route.next_hop and route.prefix in destination_prefixes(names, node, destination):
            return (*path, destination)
    return path


def _hop(
    trace: Trace,
    hop: Hop,
    following: Hop | None,
    topology: ResolvedTopology,
    declared: Topology | None,
) -> Iterator[Told]:
    origin = topology.nodes[hop.node]
    if hop.ingress is None and all(
        a.ip != trace.packet.source for i in origin.interfaces for a in i.addresses
    ):
        yield Told(hop.node, f"forges the source {trace.packet.source}")
    if hop.judgement is not None:
        yield _judged(hop, hop.judgement, topology)
    if hop.egress is not None:
        onward = following.node if following is not None else "nobody"
        attached: Path = ("nodes", hop.node, "interfaces", hop.egress)
        if hop.route is not None:
            text = f"route {hop.route.prefix} sends it to {onward} by {hop.egress}"
            yield Told(hop.node, text, route_path(declared, hop.node, hop.route))
        elif following is None:
            text = f"nobody on {hop.egress} has {trace.packet.destination}"
            yield Told(hop.node, text, attached)
        elif hop.ingress is None and trace.handed:
            text = f"hands it to {onward} on {hop.egress}, whatever its routes say"
            yield Told(hop.node, text, ("nodes", onward, "interfaces", hop.egress))
        else:
            yield Told(hop.node, f"sends it to {onward} on {hop.egress}", attached)
        return
    match trace.end:
        case End.DELIVERED:
            yield Told(hop.node, "receives it")
        case End.NO_ROUTE:
            text = f"has no route to {trace.packet.destination}"
            yield Told(hop.node, text, ("nodes", hop.node, "routes"))
        case End.LOOP:
            yield Told(hop.node, "has had it before: it goes round in a circle")
        case End.MARTIAN:
            yield Told(hop.node, f"drops it: {trace.packet.source} is its own or a broadcast")
        case End.SPOOFED:
            yield _spoofed(trace, hop, declared)
        case End.NO_NEIGHBOUR:
            yield Told(hop.node, f"does not have {trace.packet.destination} and passes nothing on")
        case End.FILTERED:
            return


def _spoofed(trace: Trace, hop: Hop, declared: Topology | None) -> Told:
    """What makes a node take a source for forged: its way back, which is another."""
    source, back = trace.packet.source, hop.reverse
    assert back is not None, "a spoofed packet has a way back that decides"
    if back.egress is None:
        text = f"drops it as spoofed: it has no route back to {source}"
        return Told(hop.node, text, ("nodes", hop.node, "routes"))
    by = f"by {back.egress}, not by {hop.ingress}"
    if back.route is None:
        text = f"drops it as spoofed: it would send to {source} {by}"
        return Told(hop.node, text, ("nodes", hop.node, "interfaces", back.egress))
    text = f"drops it as spoofed: route {back.route.prefix} leads back to {source} {by}"
    return Told(hop.node, text, route_path(declared, hop.node, back.route))


def _judged(hop: Hop, judgement: Judgement, topology: ResolvedTopology) -> Told:
    policy = topology.nodes[hop.node].policy
    assert policy is not None
    path: Path = ("policies", policy.name)
    if judgement.established:
        return Told(hop.node, "lets it back: it has seen the flow open", (*path, "stateful"))
    if judgement.rule is not None:
        rule = policy.rules[judgement.rule]
        does = "permits" if judgement.permitted else "denies"
        return Told(hop.node, f"rule {rule.name} {does} it", (*path, "rules", judgement.rule))
    if judgement.unknown:
        text = "drops it: an answer to a flow that it has not seen open"
        return Told(hop.node, text, (*path, "stateful"))
    does = "permits" if judgement.permitted else "denies"
    return Told(hop.node, f"the default {does} it", (*path, "default"))
