"""A resolved topology for people: tables, or a tree of zones."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from topology.render.diff.escape import plain
from topology.resolve.types import (
    Endpoint,
    Match,
    Protocol,
    ResolvedNode,
    ResolvedPolicy,
    ResolvedTopology,
)
from topology.scene.types import Mark, Scene

__all__ = ["print_tables", "tree_text"]

_MARKED = {
    Mark.SAME: "",
    Mark.ADDED: "green",
    Mark.REMOVED: "red",
    Mark.CHANGED: "yellow",
}


def print_tables(topology: ResolvedTopology) -> None:
    """Prints segments, interfaces, routes, rules, records and statements."""
    console = Console(highlight=False, markup=False, emoji=False)
    for table in (
        _segments(topology),
        _interfaces(topology),
        _routes(topology),
        *(_rules(n) for n in topology.nodes.values() if n.policy is not None),
        _records(topology),
        _statements(topology),
    ):
        if table.row_count:
            console.print(table)


def tree_text(scene: Scene) -> str:
    """Zones, their segments, and the nodes on them; signs and colours mark what differs."""
    root = Tree(scene.name)
    for zone in sorted({segment.zone for segment in scene.segments.values()}):
        branch = root.add(f"zone {zone}")
        for segment in scene.segments.values():
            if segment.zone != zone:
                continue
            leaf = branch.add(
                _marked(f"segment {segment.name}  {_join(segment.prefixes)}", segment.mark)
            )
            for node in scene.nodes.values():
                for interface in node.interfaces:
                    if interface.segment == segment.name:
                        mark = node.mark if node.mark is not Mark.SAME else interface.mark
                        told = f"{node.name} ({node.kind})  {_join(interface.addresses)}"
                        leaf.add(_marked(told, mark))
    console = Console(highlight=False, markup=False, emoji=False)
    with console.capture() as capture:
        console.print(root)
    return capture.get()


def _marked(text: str, mark: Mark) -> Text:
    sign = f"{mark.symbol} " if mark.symbol else ""
    return Text(plain(sign + text), style=_MARKED[mark])


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _segments(topology: ResolvedTopology) -> Table:
    table = _table("Segments", "segment", "zone", "prefixes", "mtu", "host")
    for s in topology.segments.values():
        table.add_row(s.name, s.zone, _join(s.prefixes), str(s.mtu), s.host)
    return table


def _interfaces(topology: ResolvedTopology) -> Table:
    table = _table("Nodes", "node", "kind", "segment", "addresses", "mac")
    for node in topology.nodes.values():
        for i in node.interfaces:
            table.add_row(node.name, node.kind, i.segment, _join(i.addresses), i.mac)
    return table


def _routes(topology: ResolvedTopology) -> Table:
    table = _table("Routes", "node", "destination", "next hop", "via", "segment")
    for node in topology.nodes.values():
        for r in node.routes:
            table.add_row(node.name, str(r.prefix), r.next_hop, str(r.via), r.interface)
    return table


def _rules(node: ResolvedNode) -> Table:
    policy = node.policy
    assert isinstance(policy, ResolvedPolicy)
    state = "established flows pass first" if policy.stateful else "no state"
    table = _table(
        f"Policy {policy.name} at {node.name} ({state})",
        "#",
        "rule",
        "action",
        "service",
        "from",
        "to",
        "log",
    )
    for number, rule in enumerate(policy.rules, 1):
        table.add_row(
            str(number),
            rule.name,
            rule.action,
            _matches(rule.matches),
            _endpoints(rule.sources),
            _endpoints(rule.destinations),
            "yes" if rule.log else "",
        )
    table.add_row("", "default", policy.default, "any", "any", "any", "")
    return table


def _records(topology: ResolvedTopology) -> Table:
    table = _table("Records", "server", "name", "type", "data")
    for node in topology.nodes.values():
        for zone in node.zones:
            for record in zone.records:
                table.add_row(node.name, record.name, record.type, record.data)
    return table


def _statements(topology: ResolvedTopology) -> Table:
    table = _table("Statements", "statement", "says", "from", "to")
    for s in topology.statements.values():
        what = (
            _join(s.only)
            if s.only
            else (s.node or "")
            if s.kind == "waypoint"
            else (_matches(s.matches) + (f" across {s.node}" if s.node else ""))
        )
        table.add_row(s.name, f"{s.kind} {what}", _join(s.sources), _join(s.destinations))
    return table


def _matches(matches: tuple[Match, ...]) -> str:
    return _join(_match(match) for match in matches) or "any"


def _match(match: Match) -> str:
    if match.protocol in (Protocol.ICMP, Protocol.ICMPV6):
        chosen = ",".join(map(str, match.types))
    else:
        chosen = ",".join(str(a) if a == b else f"{a}-{b}" for a, b in match.ports)
    return f"{match.protocol}/{chosen}" if chosen else str(match.protocol)


def _endpoints(endpoints: tuple[Endpoint, ...]) -> str:
    return _join(f"[{e.interface}]" if e.interface else e.prefix for e in endpoints) or "any"


def _join(values: Iterable[object]) -> str:
    return ", ".join(map(str, values))
