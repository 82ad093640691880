"""Management names who may look, and not everybody."""

from __future__ import annotations

from collections.abc import Iterator

from topology.check.finding import error
from topology.check.selectors import known_selectors
from topology.diagnostics import Code, Diagnostic
from topology.model import Topology
from topology.resolve import Names
from topology.resolve.names import ANY

__all__ = ["management"]


def management(topology: Topology) -> Iterator[Diagnostic]:
    """Sources of metrics that do not exist, or that are anybody."""
    if topology.management is None:
        return
    path = ("management", "from")
    sources = topology.management.sources
    yield from known_selectors(Names(topology), sources, path, prefixes=True)
    for index, source in enumerate(sources):
        if source == ANY:
            yield error(
                Code.BAD_VALUE,
                "any is everybody, whom metrics are not for",
                (*path, index),
                hint="name the zone, segment, node or prefix that may look",
            )
