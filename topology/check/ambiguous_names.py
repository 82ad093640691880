"""No name means two things where selectors and services are written."""

from __future__ import annotations

from collections.abc import Iterator

from topology.check.finding import error
from topology.diagnostics import Code, Diagnostic
from topology.model import Protocol, Topology
from topology.resolve import Names

__all__ = ["ambiguous_names"]


def ambiguous_names(topology: Topology) -> Iterator[Diagnostic]:
    """A zone may be called like its only segment; every other shared name is refused."""
    zones = Names(topology).zones
    for node in topology.nodes:
        if node in topology.segments or node in zones:
            what = "segment" if node in topology.segments else "zone"
            yield error(
                Code.AMBIGUOUS_NAME,
                f"`{node}` is a node and a {what}",
                ("nodes", node),
                detail="Rules and statements could mean either.",
                hint="rename the node",
                on_key=True,
            )
    for segment in topology.segments:
        if segment in zones and zones[segment] != (segment,):
            yield error(
                Code.AMBIGUOUS_NAME,
                f"`{segment}` is a segment and a zone of other segments",
                ("segments", segment),
                detail=f"The zone stands for {', '.join(zones[segment])}.",
                hint="rename the segment or the zone",
                on_key=True,
            )
    for service in topology.services:
        if service in tuple(Protocol):
            yield error(
                Code.AMBIGUOUS_NAME,
                f"`{service}` is a protocol already",
                ("services", service),
                detail=f"Where a service is expected, `{service}` is all of the protocol.",
                hint="rename the service",
                on_key=True,
            )
