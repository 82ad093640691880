"""Statements with their selectors expanded to nodes."""

from __future__ import annotations

from topology.model import Isolate, Only, Reach, StatementKind, Topology, Waypoint
from topology.resolve.names import Names
from topology.resolve.services import resolve_services
from topology.resolve.types import Match, ResolvedStatement

__all__ = ["resolve_statement", "resolve_statements"]


def resolve_statements(names: Names) -> dict[str, ResolvedStatement]:
    """Every statement, sorted by name."""
    statements = names.topology.statements
    return {name: resolve_statement(names, name) for name in sorted(statements)}


def resolve_statement(names: Names, name: str) -> ResolvedStatement:
    """One statement; its sets may be empty, which a check refuses."""
    statement = names.topology.statements[name]
    kind, matches, only, node = _meaning(names.topology, statement)
    return ResolvedStatement(
        name=name,
        kind=kind,
        sources=names.nodes(statement.sources),
        destinations=names.nodes(statement.destinations),
        matches=matches,
        only=only,
        node=node,
    )


def _meaning(
    topology: Topology, statement: Isolate | Only | Reach | Waypoint
) -> tuple[StatementKind, tuple[Match, ...], tuple[str, ...], str | None]:
    match statement:
        case Reach():
            return StatementKind.REACH, resolve_services(topology, statement.reach), (), None
        case Isolate():
            matches = resolve_services(topology, statement.isolate)
            return StatementKind.ISOLATE, matches, (), statement.across
        case Only():
            return StatementKind.ONLY, (), tuple(sorted(statement.only)), None
        case Waypoint():
            return StatementKind.WAYPOINT, (), (), statement.waypoint
