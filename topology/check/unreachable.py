"""Every node can be reached from the rest of the network."""

from __future__ import annotations

from collections.abc import Iterator

from topology.check.finding import error, warning
from topology.diagnostics import Code, Diagnostic
from topology.graph import islands
from topology.resolve.types import ResolvedTopology

__all__ = ["unreachable"]


def unreachable(topology: ResolvedTopology) -> Iterator[Diagnostic]:
    """Nodes that no path joins to the main part: the one with an external node, or the largest.

    A node that reaches other segments and has no route at all is a warning.
    """
    found = islands(topology)
    main = next(
        (part for part in found if any(not topology.nodes[n].deployed for n in part)), found[0]
    )
    for part in found:
        if part is main:
            continue
        for name in sorted(part):
            segments = " and ".join(i.segment for i in topology.nodes[name].interfaces)
            yield error(
                Code.UNREACHABLE_NODE,
                f"nothing joins {name} to {min(main)}",
                ("nodes", name),
                on_key=True,
                hint=f"attach a router to {segments} and to the rest of the network",
            )
    for name, node in topology.nodes.items():
        beyond = set(topology.segments) - {i.segment for i in node.interfaces}
        if name in main and beyond and not node.routes and not node.kind.forwards:
            yield warning(
                Code.ROUTE_MISSING,
                f"{name} has no route beyond its own segment",
                ("nodes", name),
                on_key=True,
                hint="write `routes: {default: …}`, or leave `routes` out",
            )
