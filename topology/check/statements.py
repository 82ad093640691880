"""Statements name what exists and are about somebody."""

from __future__ import annotations

from collections.abc import Iterator

from topology.check.finding import error
from topology.check.selectors import known_selectors, known_services
from topology.diagnostics import Code, Diagnostic, Path, did_you_mean
from topology.model import Isolate, Only, Reach, Resolve, Topology, Waypoint
from topology.resolve import Names
from topology.resolve.types import in_zone

__all__ = ["statements"]


def statements(topology: Topology) -> Iterator[Diagnostic]:
    """Unknown names in statements, and sets that no node is in."""
    names = Names(topology)
    for name, statement in topology.statements.items():
        path = ("statements", name)
        for key, selectors in (("from", statement.sources), ("to", statement.destinations)):
            mistakes = list(known_selectors(names, selectors, (*path, key), prefixes=False))
            yield from mistakes
            if not mistakes and not names.nodes(selectors):
                yield error(
                    Code.EMPTY_SET,
                    "no node is in " + ", ".join(selectors),
                    (*path, key),
                    hint="name a node, or a zone that has one",
                )
        match statement:
            case Reach():
                yield from known_services(names, statement.reach, (*path, "reach"))
            case Isolate():
                yield from known_services(names, statement.isolate, (*path, "isolate"))
                if statement.across is not None:
                    yield from _forwarder(names, statement.across, (*path, "across"))
            case Only():
                yield from _only(topology, statement, (*path, "only"))
            case Resolve():
                yield from _served(names, statement.resolve, (*path, "resolve"))
            case Waypoint():
                yield from _forwarder(names, statement.waypoint, (*path, "waypoint"))


def _only(topology: Topology, statement: Only, path: Path) -> Iterator[Diagnostic]:
    for index, name in enumerate(statement.only):
        if not isinstance(topology.statements.get(name), Reach):
            known = name in topology.statements
            reaches = [n for n, other in topology.statements.items() if isinstance(other, Reach)]
            yield error(
                Code.STATEMENT_REFERENCE if known else Code.UNKNOWN_NAME,
                f"`{name}` is not a reach statement"
                if known
                else f"there is no statement `{name}`",
                (*path, index),
                hint=did_you_mean(name, reaches, "reach statements"),
            )


def _served(names: Names, hostname: str, path: Path) -> Iterator[Diagnostic]:
    origins = sorted(names.servers)
    if not any(in_zone(hostname, origin) for origin in origins):
        yield error(
            Code.STATEMENT_REFERENCE,
            f"no DNS node serves a zone that {hostname} is in",
            path,
            hint=did_you_mean(hostname.partition(".")[2], origins, "zones")
            or "add records to a node of kind dns",
        )


def _forwarder(names: Names, node: str, path: Path) -> Iterator[Diagnostic]:
    if not names.forwards(node):
        forwarders = [n for n in names.topology.nodes if names.forwards(n)]
        known = names.is_node(node)
        yield error(
            Code.STATEMENT_REFERENCE if known else Code.UNKNOWN_NAME,
            f"{node} passes nothing on" if known else f"there is no node `{node}`",
            path,
            hint=did_you_mean(node, forwarders, "routers and firewalls"),
        )
