"""What a page can tell of a network: every node's own, who opens what on whom, with places.

A page works out explanations itself, from the same tables that the model works on: every pair of
hundreds of nodes, worked out beforehand, would be too much for one file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from topology.diagnostics import Path, Subject, display_path
from topology.diff.view import View
from topology.model.service import ICMP_TYPES
from topology.reach.matrix import Cell, cell_lines, joined_cells
from topology.reach.space import ANSWERS, CLIENT_PORT
from topology.reach.story import route_path
from topology.resolve.services import resolve_services
from topology.resolve.types import (
    DnsRecord,
    DnsZone,
    Endpoint,
    Match,
    Protocol,
    ResolvedNode,
    ResolvedPolicy,
    ResolvedTopology,
    ReversePath,
)
from topology.scene.flows import Opened, Pair
from topology.scene.tree import natural
from topology.scene.types import Scene

__all__ = ["Json", "facts"]

Json: TypeAlias = "bool | int | str | list[Json] | dict[str, Json] | None"

_MOST = 60
"""Nodes, segments or zones that a matrix shows one by one."""


def facts(
    view: View, scene: Scene, pairs: Mapping[Pair, Opened], old: View | None = None
) -> dict[str, Json]:
    """The document that a page is made from; `view` is valid, `old` is what it is compared with."""
    topology = view.resolved
    assert topology is not None
    places = _Places(view)
    nodes: list[Json] = [_node(node, view, places) for node in topology.nodes.values()]
    gone = [name for name in scene.nodes if name not in topology.nodes]
    if old is not None and old.resolved is not None:
        before = _Places(old, places.table)
        nodes += [
            {**_node(old.resolved.nodes[name], old, before), "gone": True}
            for name in gone
            if name in old.resolved.nodes
        ]
    cells = _Cells()
    opens = _opens(pairs, cells)
    matrices = _matrices(topology, pairs, cells)
    return {
        "name": topology.name,
        "old": scene.old,
        "new": scene.new,
        "nodes": nodes,
        "marks": {n: node.mark.value for n, node in scene.nodes.items() if node.mark.symbol},
        "segments": {
            name: {"zone": segment.zone, "prefixes": [*segment.prefixes]}
            for name, segment in scene.segments.items()
        },
        "statements": [
            {"name": name, "place": places.of(("statements", name))} for name in topology.statements
        ],
        "services": _services(view),
        "cells": cells.listed,
        "opens": opens,
        "matrices": matrices,
        "places": places.table,
        "icmp": {
            protocol.value: {str(number): word for word, number in words.items()}
            for protocol, words in ICMP_TYPES.items()
        },
        "answers": [[p.value, asked, answer] for (p, asked), answer in ANSWERS.items()],
        "port": CLIENT_PORT,
    }


class _Places:
    """Where the files say things: a table that others point into."""

    def __init__(self, view: View, table: list[Json] | None = None) -> None:
        self._view = view
        self.table: list[Json] = [] if table is None else table
        self._known: dict[Path, int] = {}

    def of(self, path: Path) -> int:
        """The place of a path in the table."""
        known = self._known.get(path)
        if known is None:
            known = self._known[path] = len(self.table)
            self.table.append(self._found(path))
        return known

    def _found(self, path: Path) -> Json:
        if self._view.locate is not None:
            position = self._view.locate(Subject(path, on_key=True)).position
            if position is not None:
                return [display_path(path), position.file, position.line, position.column]
        return [display_path(path)]


class _Cells:
    """Sets of services as lines, each set once."""

    def __init__(self) -> None:
        self.listed: list[Json] = []
        self._known: dict[tuple[str, ...], int] = {}

    def of(self, cell: Cell) -> int:
        """The number of a cell's lines."""
        lines = cell_lines(cell)
        known = self._known.get(lines)
        if known is None:
            known = self._known[lines] = len(self.listed)
            self.listed.append([*lines])
        return known


def _opens(pairs: Mapping[Pair, Opened], cells: _Cells) -> Json:
    """For each source its destinations, by the cell that they have."""
    found: dict[str, dict[str, list[Json]]] = {}
    for (source, destination), opened in pairs.items():
        number = str(cells.of(opened.cell))
        found.setdefault(source, {}).setdefault(number, []).append(destination)
    return {source: {**by_cell} for source, by_cell in found.items()}


def _matrices(topology: ResolvedTopology, pairs: Mapping[Pair, Opened], cells: _Cells) -> Json:
    """The matrix by nodes, segments and zones, each as far as it can be shown."""
    inside: dict[str, dict[str, set[str]]] = {"zone": {}, "segment": {}}
    for name, node in topology.nodes.items():
        for interface in node.interfaces:
            inside["segment"].setdefault(interface.segment, set()).add(name)
            inside["zone"].setdefault(interface.zone, set()).add(name)
    groups = {
        "node": {name: {name} for name in topology.nodes},
        "segment": inside["segment"],
        "zone": inside["zone"],
    }
    return {by: _matrix(found, pairs, cells) for by, found in groups.items() if len(found) <= _MOST}


def _matrix(
    groups: Mapping[str, set[str]], pairs: Mapping[Pair, Opened], cells: _Cells
) -> dict[str, Json]:
    member: dict[str, list[str]] = {}
    for group in sorted(groups):
        for name in groups[group]:
            member.setdefault(name, []).append(group)
    # The same few sets of services come up over and over: each is joined once.
    joined: dict[Pair, dict[object, Cell]] = {}
    for (source, destination), opened in pairs.items():
        for row in member[source]:
            for column in member[destination]:
                same = tuple(opened.cell.services.items())
                joined.setdefault((row, column), {})[same] = opened.cell
    rows: dict[str, dict[str, Json]] = {}
    for (row, column), found in sorted(joined.items()):
        rows.setdefault(row, {})[column] = cells.of(joined_cells(found.values()))
    return {
        "names": [*sorted(groups, key=natural)],
        "rows": {row: {**cols} for row, cols in rows.items()},
    }


def _services(view: View) -> Json:
    """Named services, each as the packets that one would try."""
    found: dict[str, Json] = {}
    for name in sorted(view.declared.services):
        tries: list[Json] = []
        for match in resolve_services(view.declared, [name]):
            first = match.ports[0][0] if match.ports else match.types[0] if match.types else 1
            tries.append([match.protocol.value, first])
        found[name] = tries
    return found


def _node(node: ResolvedNode, view: View, places: _Places) -> dict[str, Json]:
    path: Path = ("nodes", node.name)
    return {
        "name": node.name,
        "kind": node.kind.value,
        "forwards": node.kind.forwards,
        "strict": node.kind.forwards and node.reverse_path is ReversePath.STRICT,
        "place": places.of(path),
        "routesPlace": places.of((*path, "routes")),
        "interfaces": [
            {
                "segment": interface.segment,
                "zone": interface.zone,
                "mac": interface.mac,
                "addresses": [str(address) for address in interface.addresses],
                "place": places.of((*path, "interfaces", interface.segment)),
            }
            for interface in node.interfaces
        ],
        "routes": [
            {
                "prefix": str(route.prefix),
                "hop": route.next_hop,
                "via": str(route.via),
                "interface": route.interface,
                "place": places.of(route_path(view.declared, node.name, route)),
            }
            for route in node.routes
        ],
        "policy": _policy(node.policy, places) if node.policy is not None else None,
        "records": [
            [record.name, record.type, record.data, places.of(_record_path(node, zone, record))]
            for zone in node.zones
            for record in zone.records
        ],
        "resources": [[one.path, one.media_type] for one in node.resources],
    }


def _policy(policy: ResolvedPolicy, places: _Places) -> dict[str, Json]:
    path: Path = ("policies", policy.name)
    return {
        "name": policy.name,
        "default": policy.default.value,
        "defaultPlace": places.of((*path, "default")),
        "stateful": policy.stateful,
        "statefulPlace": places.of((*path, "stateful")),
        "rules": [
            {
                "name": rule.name,
                "action": rule.action.value,
                "log": rule.log,
                "sources": _endpoints(rule.sources),
                "destinations": _endpoints(rule.destinations),
                "matches": [_match(match) for match in rule.matches],
                "place": places.of((*path, "rules", number)),
            }
            for number, rule in enumerate(policy.rules)
        ],
    }


def _endpoints(endpoints: Sequence[Endpoint]) -> list[Json]:
    """An interface as `[segment]`, a prefix as it is written."""
    return [f"[{e.interface}]" if e.interface is not None else str(e.prefix) for e in endpoints]


def _match(match: Match) -> Json:
    """A protocol with its ranges of ports or types; none mean all."""
    if match.protocol in (Protocol.ICMP, Protocol.ICMPV6):
        ranges: list[Json] = [[kind, kind] for kind in match.types]
    else:
        ranges = [[low, high] for low, high in match.ports]
    return [match.protocol.value, *ranges]


def _record_path(node: ResolvedNode, zone: DnsZone, record: DnsRecord) -> Path:
    """Where a record stands: the key of its name below its zone's, else the server's records."""
    label = "@" if record.name == zone.origin else record.name.removesuffix(f".{zone.origin}")
    return ("nodes", node.name, "records", zone.origin, label)
