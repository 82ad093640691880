"""Answers come back through the stateful firewalls that saw the question."""

from __future__ import annotations

from collections.abc import Iterator

from topology.check.finding import error
from topology.check.reach_routes import has_longer_routes, stand
from topology.diagnostics import Code, Diagnostic
from topology.graph import Ending, Routing, Walk, has_second_path
from topology.resolve.types import ResolvedTopology, StatementKind

__all__ = ["asymmetric_paths"]


def asymmetric_paths(topology: ResolvedTopology) -> Iterator[Diagnostic]:
    """Reach statements whose answers meet a stateful firewall that the question went around.

    Dataplanes differ on what such a firewall does (the kernel calls the answer invalid), so that
    it is refused.
    """
    if not has_second_path(topology):
        return
    routing = Routing(topology)
    exact = has_longer_routes(topology)
    for statement in topology.statements.values():
        if statement.kind is not StatementKind.REACH:
            continue
        sources = {stand(topology.nodes[n], exact): n for n in reversed(statement.sources)}
        targets = {stand(topology.nodes[n], exact): n for n in reversed(statement.destinations)}
        for source in sorted(sources.values()):
            for target in sorted(targets.values()):
                for there, back in _walks(topology, routing, source, target):
                    missed = [
                        name
                        for name in back.nodes[1:]
                        if (policy := topology.nodes[name].policy) is not None
                        and policy.stateful
                        and name not in there.nodes
                    ]
                    if missed:
                        yield _finding(statement.name, there, back, missed[0])
                        break


def _walks(
    topology: ResolvedTopology, routing: Routing, source: str, target: str
) -> Iterator[tuple[Walk, Walk]]:
    """The ways there and back of each pair of addresses for which both exist."""
    if source == target:
        return
    for near in topology.nodes[source].interfaces:
        for mine in near.addresses:
            for far in topology.nodes[target].interfaces:
                for theirs in far.addresses:
                    if mine.version == theirs.version:
                        there, back = routing.walk(source, theirs.ip), routing.walk(target, mine.ip)
                        if there.ending is back.ending is Ending.DELIVERED:
                            yield there, back


def _finding(statement: str, there: Walk, back: Walk, missed: str) -> Diagnostic:
    return error(
        Code.ASYMMETRIC_PATH,
        f"answers from {back.nodes[0]} to {there.nodes[0]} come by {missed}, "
        "which has not seen the question",
        ("statements", statement, "reach"),
        detail=f"There: {' → '.join(there.nodes)}. Back: {' → '.join(back.nodes)}. A stateful "
        "firewall lets back what it has seen go, and drops the rest.",
        hint=f"route both ways through {missed}, or make its policy `stateful: false` and give "
        "it `reverse_path: off`",
    )
