"""Statements with their selectors expanded to nodes."""

from __future__ import annotations

from topology.model import Isolate, Never, Only, Reach, Resolve, StatementKind, Waypoint
from topology.resolve.names import Names
from topology.resolve.services import resolve_services
from topology.resolve.types import ResolvedStatement

__all__ = ["resolve_statement", "resolve_statements"]


def resolve_statements(names: Names) -> dict[str, ResolvedStatement]:
    """Every statement, sorted by name."""
    statements = names.topology.statements
    return {name: resolve_statement(names, name) for name in sorted(statements)}


def resolve_statement(names: Names, name: str) -> ResolvedStatement:
    """One statement; its sets may be empty, which a check refuses."""
    topology = names.topology
    statement = topology.statements[name]
    sources, destinations = names.nodes(statement.sources), names.nodes(statement.destinations)
    match statement:
        case Reach(reach=services):
            matches = resolve_services(topology, services)
            return ResolvedStatement(name, StatementKind.REACH, sources, destinations, matches)
        case Isolate(isolate=services, across=across):
            matches = resolve_services(topology, services)
            return ResolvedStatement(
                name, StatementKind.ISOLATE, sources, destinations, matches, node=across
            )
        case Only(only=listed):
            return ResolvedStatement(
                name, StatementKind.ONLY, sources, destinations, only=tuple(sorted(listed))
            )
        case Waypoint(waypoint=node):
            return ResolvedStatement(name, StatementKind.WAYPOINT, sources, destinations, node=node)
        case Resolve(resolve=hostname):
            return ResolvedStatement(
                name, StatementKind.RESOLVE, sources, destinations, hostname=hostname
            )
        case Never(never=faults):
            return ResolvedStatement(
                name, StatementKind.NEVER, sources, destinations, faults=tuple(sorted(set(faults)))
            )
