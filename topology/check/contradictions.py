"""No two statements ask for a flow and forbid it."""

from __future__ import annotations

from collections.abc import Iterator

from topology.check.finding import error
from topology.diagnostics import Code, Diagnostic
from topology.reach.ranges import Ranges, intersect, subtract, unite
from topology.reach.space import service_names, services_of
from topology.resolve.types import ResolvedStatement, ResolvedTopology, StatementKind

__all__ = ["contradictions"]


def contradictions(topology: ResolvedTopology) -> Iterator[Diagnostic]:
    """Flows that a `reach` wants and an `isolate` or an `only` rules out; told at both."""
    wanted: dict[str, list[ResolvedStatement]] = {}
    for statement in topology.statements.values():
        if statement.kind is StatementKind.REACH:
            for name in statement.destinations:
                wanted.setdefault(name, []).append(statement)
    for statement in topology.statements.values():
        forbids = statement.kind is StatementKind.ISOLATE and statement.node is None
        if not forbids and statement.kind is not StatementKind.ONLY:
            continue
        sources = frozenset(statement.sources)
        told: set[str] = set()
        for name in statement.destinations:
            for reach in wanted.get(name, ()):
                if reach.name in told or reach.name in statement.only:
                    continue
                source = next((s for s in reach.sources if s in sources and s != name), None)
                if source is not None:
                    clash = _clash(topology, statement, reach, source, name)
                    if clash:
                        told.add(reach.name)
                        yield from _finding(statement, reach, source, name, clash)


def _clash(
    topology: ResolvedTopology,
    statement: ResolvedStatement,
    reach: ResolvedStatement,
    source: str,
    destination: str,
) -> Ranges:
    """The services that are both wanted and ruled out between two nodes."""
    services = services_of(reach.matches)
    if statement.kind is StatementKind.ISOLATE:
        return intersect(services, services_of(statement.matches))
    allowed: Ranges = ()
    for name in statement.only:
        listed = topology.statements[name]
        if source in listed.sources and destination in listed.destinations:
            allowed = unite(allowed, services_of(listed.matches))
    return subtract(services, allowed)


def _finding(
    statement: ResolvedStatement,
    reach: ResolvedStatement,
    source: str,
    destination: str,
    clash: Ranges,
) -> Iterator[Diagnostic]:
    what = ", ".join(service_names(clash)[:4])
    for mine, other in ((reach, statement), (statement, reach)):
        does = "wants" if mine is reach else "rules out"
        yield error(
            Code.CONTRADICTION,
            f"{mine.name} {does} what {other.name} {'rules out' if mine is reach else 'wants'}: "
            f"{what} from {source} to {destination}",
            ("statements", mine.name),
            on_key=True,
            hint=f"list {reach.name} in {statement.name}, or narrow one of them"
            if statement.kind is StatementKind.ONLY
            else "narrow one of them",
        )
