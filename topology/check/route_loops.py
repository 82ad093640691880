"""No route sends a packet in a circle."""

from __future__ import annotations

from collections.abc import Iterator

from topology.check.finding import error
from topology.diagnostics import Code, Diagnostic
from topology.graph import Ending, Routing
from topology.resolve.types import ResolvedTopology

__all__ = ["route_loops"]


def route_loops(topology: ResolvedTopology) -> Iterator[Diagnostic]:
    """Forwarders among which a packet to a declared segment would circle until its TTL ends."""
    routing = Routing(topology)
    circles = {version: routing.default_circles(version) for version in (4, 6)}
    told: set[frozenset[str]] = set()
    for segment in topology.segments.values():
        for prefix in segment.prefixes:
            clean: set[str] = set()
            # A circle has somebody with more than a default route in it, or is one of defaults.
            for start in sorted({*routing.deciders(prefix[1]), *circles[prefix.version]}):
                if start in clean:
                    continue
                walk = routing.walk(start, prefix[1])
                if walk.ending is not Ending.LOOP:
                    clean.update(walk.nodes)
                    continue
                circle = walk.nodes[walk.nodes.index(walk.nodes[-1]) :]
                if frozenset(circle) not in told:
                    told.add(frozenset(circle))
                    yield error(
                        Code.ROUTE_LOOP,
                        f"packets to {segment.name} go round in a circle: " + " → ".join(circle),
                        ("nodes", circle[0], "routes"),
                        on_key=True,
                        hint=f"give one of them a route to {segment.name} that leads there",
                    )
