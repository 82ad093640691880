"""What a reach statement wants has routes there and back."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from topology.check.finding import error
from topology.diagnostics import Code, Diagnostic
from topology.graph import Ending, Routing, Walk, islands
from topology.resolve.types import ResolvedNode, ResolvedTopology, StatementKind

__all__ = ["has_longer_routes", "reach_routes", "stand"]


def reach_routes(topology: ResolvedTopology) -> Iterator[Diagnostic]:
    """Reach statements between nodes that no route joins, or that have none for the answer.

    At least one family both ends have must work. Nodes that stand alike are asked once.
    """
    routing = Routing(topology)
    exact = has_longer_routes(topology)
    stands = cache(lambda name: stand(topology.nodes[name], exact))
    island = {name: part for part in islands(topology) for name in part}
    for statement in topology.statements.values():
        if statement.kind is not StatementKind.REACH:
            continue
        sources = {stands(name): name for name in reversed(statement.sources)}
        targets = {stands(name): name for name in reversed(statement.destinations)}
        for source in sorted(sources.values()):
            for target in sorted(targets.values()):
                if island[source] is not island[target]:
                    continue  # said of the nodes themselves
                failed = _failure(topology, routing, source, target)
                if failed is None:
                    continue
                walk, back = failed
                start, end = (target, source) if back else (source, target)
                stop = walk.nodes[-1]
                what = "the answer of" if back else "a packet of"
                yield error(
                    Code.ROUTE_MISSING,
                    f"no route leads from {start} to {end}: {stop} has none",
                    ("statements", statement.name, "reach"),
                    detail=f"{what[0].upper()}{what[1:]} {start} goes "
                    + " → ".join(walk.nodes)
                    + f" and ends there ({walk.ending})",
                    hint=f"add a route to nodes.{stop}.routes, or leave `routes` out there",
                )


def _failure(
    topology: ResolvedTopology, routing: Routing, source: str, target: str
) -> tuple[Walk, bool] | None:
    """The first walk that fails in every common family, and whether it is the answer's."""
    failed: tuple[Walk, bool] | None = None
    if source == target:
        return None
    for near in topology.nodes[source].interfaces:
        for mine in near.addresses:
            for far in topology.nodes[target].interfaces:
                for theirs in far.addresses:
                    if mine.version != theirs.version:
                        continue
                    there = routing.walk(source, theirs.ip)
                    back = routing.walk(target, mine.ip)
                    if there.ending is Ending.DELIVERED and back.ending is Ending.DELIVERED:
                        return None
                    is_back = there.ending is Ending.DELIVERED
                    failed = failed or ((back if is_back else there), is_back)
    return failed


def stand(node: ResolvedNode, exact: bool) -> tuple[object, ...]:
    """What makes two nodes alike for routing: the same segments, prefixes and routes."""
    if exact or node.kind.forwards:
        return (node.name,)
    places = tuple((i.segment, tuple(a.network for a in i.addresses)) for i in node.interfaces)
    return places, node.routes


def has_longer_routes(topology: ResolvedTopology) -> bool:
    """Whether some route is narrower than all segments: then nodes on one may be routed apart."""
    longest = {
        version: max(
            (
                p.prefixlen
                for s in topology.segments.values()
                for p in s.prefixes
                if p.version == version
            ),
            default=0,
        )
        for version in (4, 6)
    }
    return any(
        route.prefix.prefixlen > longest[route.prefix.version]
        for node in topology.nodes.values()
        for route in node.routes
    )
