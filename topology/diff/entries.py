"""A side taken apart into things with an identity and fields, old names read as the new ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from topology.diagnostics import Path
from topology.diff.renames import Renames
from topology.diff.types import Thing
from topology.diff.view import View
from topology.model import (
    AnyNode,
    DnsNode,
    Isolate,
    Never,
    Only,
    Reach,
    RecordSet,
    Resolve,
    Waypoint,
)
from topology.model.statement import Statement
from topology.resolve.addresses import address_key
from topology.resolve.content import NODE_PATH
from topology.resolve.names import zone_of
from topology.resolve.types import Address, Prefix, ResolvedNode

__all__ = ["Entry", "Fields", "entries", "show", "statement_text"]

Fields: TypeAlias = Mapping[str, object]
"""Values by the name of their field; sets are sorted tuples, so that order means nothing."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A thing: `owner` and `local` are its identity, in names of the new side.

    `called` is what its own side calls it. `order` is a rule's place.
    """

    thing: Thing
    owner: str
    local: str
    fields: Fields
    path: Path
    called: str
    order: int = 0

    @property
    def identity(self) -> tuple[Thing, str, str]:
        """What makes it the same thing on both sides."""
        return self.thing, self.owner, self.local


def show(value: object) -> str:
    """A field's value as text.

    >>> show(("web", "dns")), show(None), show(True)
    ('web, dns', '', 'yes')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple | list):
        return ", ".join(map(show, value))
    return str(value)


def entries(view: View, renames: Renames, nodes: Iterable[str]) -> Iterator[Entry]:
    """Everything that a side declares; of its nodes those that are named."""
    declared = view.declared
    yield Entry(Thing.TOPOLOGY, "", "", {"name": declared.name}, ("name",), declared.name)
    for name, segment in declared.segments.items():
        zone = zone_of(declared, name)
        fields: Fields = {
            "zone": renames.zones.get(zone, zone),
            "prefixes": _sorted(segment.prefixes),
            "mtu": segment.mtu,
            "host": segment.host,
        }
        local = renames.segment(name)
        yield Entry(Thing.SEGMENT, "", local, fields, ("segments", name), name)
    for name in nodes:
        yield from _node(view, renames, name)
    for name, matches in declared.services.items():
        local = renames.service(name)
        fields = {"stands for": tuple(sorted(set(matches)))}
        yield Entry(Thing.SERVICE, "", local, fields, ("services", name), name)
    for name in declared.policies:
        yield from _policy(view, renames, name)
    if (management := declared.management) is not None:
        sources = tuple(sorted({renames.selector(one) for one in management.sources}))
        fields = {"from": sources, "port": management.port}
        yield Entry(Thing.MANAGEMENT, "", "metrics", fields, ("management",), "metrics")
    for name, statement in declared.statements.items():
        local = renames.statements.get(name, name)
        path = ("statements", name)
        yield Entry(Thing.STATEMENT, "", local, _statement(statement, renames), path, name)


def statement_text(statement: Statement) -> str:
    """A statement in one line, as its file says it."""
    fields = _statement(statement, Renames())
    return ", ".join(f"{name} {show(value)}" for name, value in fields.items() if value)


def _node(view: View, renames: Renames, name: str) -> Iterator[Entry]:
    node = view.declared.nodes[name]
    resolved = view.resolved.nodes[name] if view.resolved is not None else None
    owner = renames.node(name)
    path: Path = ("nodes", name)
    policy = getattr(node, "policy", None)
    fields: Fields = {
        "kind": node.kind,
        "host": node.host,
        "memory": getattr(node, "memory", None),
        "vcpus": getattr(node, "vcpus", None),
        "dataplane": getattr(node, "dataplane", None),
        "reverse path": getattr(node, "reverse_path", None),
        "policy": renames.policies.get(policy, policy) if policy else None,
        "rate limit": getattr(node, "rate_limit", None),
    }
    yield Entry(Thing.NODE, "", owner, fields, path, name)
    for segment, interface in node.interfaces.items():
        addresses = interface.addresses
        if resolved is not None:
            addresses = tuple(a.ip for a in resolved.interface(segment).addresses)
        fields = {"addresses": _sorted(addresses), "mac": interface.mac}
        here: Path = (*path, "interfaces", segment)
        yield Entry(Thing.INTERFACE, owner, renames.segment(segment), fields, here, segment)
    for label, (hops, where) in sorted(_routes(view, node, resolved, renames).items()):
        yield Entry(Thing.ROUTE, owner, label, {"next hop": hops}, (*path, *where), label)
    if isinstance(node, DnsNode):
        for zone, records in node.records.items():
            for label, record in records.items():
                here = (*path, "records", zone, label)
                called = f"{label}.{zone}" if label != "@" else zone
                fields = _record(record, renames)
                yield Entry(Thing.RECORD, owner, called, fields, here, called)
    if resolved is not None:
        for one in resolved.resources:
            if one.path != NODE_PATH:
                fields = {"type": one.media_type, "content": one.body.decode()}
                here = (*path, "content")
                yield Entry(Thing.RESOURCE, owner, one.path, fields, here, one.path)


def _routes(
    view: View, node: AnyNode, resolved: ResolvedNode | None, renames: Renames
) -> dict[str, tuple[tuple[str, ...], Path]]:
    """Next hops by destination: a segment by its name, everything as `default`, else a prefix."""
    found: dict[str, tuple[tuple[str, ...], Path]] = {}
    if resolved is None:
        for destination, hop in (node.routes or {}).items():
            found[renames.selector(destination)] = ((renames.node(hop),), ("routes", destination))
        return found
    labels = (
        {
            prefix: renames.segment(name)
            for name, segment in view.declared.segments.items()
            for prefix in segment.prefixes
        }
        if resolved.routes
        else {}
    )
    hops: dict[str, set[str]] = {}
    for route in resolved.routes:
        label = "default" if route.prefix.prefixlen == 0 else labels.get(route.prefix)
        hops.setdefault(label or str(route.prefix), set()).add(renames.node(route.next_hop))
    for label, names in hops.items():
        found[label] = (tuple(sorted(names)), ("routes", label))
    return found


def _policy(view: View, renames: Renames, name: str) -> Iterator[Entry]:
    policy = view.declared.policies[name]
    owner = renames.policies.get(name, name)
    path: Path = ("policies", name)
    fields: Fields = {"default": policy.default, "stateful": policy.stateful}
    yield Entry(Thing.POLICY, "", owner, fields, path, name)
    for index, rule in enumerate(policy.rules):
        fields = {
            "action": rule.action.value,
            "service": _names(rule.services, renames.service),
            "from": _names(rule.sources, renames.selector),
            "to": _names(rule.destinations, renames.selector),
            "log": rule.log,
        }
        here: Path = (*path, "rules", index)
        yield Entry(Thing.RULE, owner, rule.name, fields, here, rule.name, index)


def _record(record: RecordSet, renames: Renames) -> Fields:
    return {
        "nodes": _names(record.nodes or (), renames.node) or None,
        "txt": record.txt or None,
        "cname": record.cname,
    }


def _statement(statement: Statement, renames: Renames) -> Fields:
    fields: dict[str, object] = {}
    match statement:
        case Reach():
            fields["reach"] = _names(statement.reach, renames.service)
        case Isolate():
            fields["isolate"] = _names(statement.isolate, renames.service)
            across = statement.across
            fields["across"] = renames.node(across) if across else None
        case Only():
            names = renames.statements
            fields["only"] = _names(statement.only, lambda name: names.get(name, name))
        case Never():
            fields["never"] = tuple(sorted(fault.value for fault in statement.never))
        case Resolve():
            fields["resolve"] = statement.resolve
        case Waypoint():
            fields["waypoint"] = renames.node(statement.waypoint)
    fields["from"] = _names(statement.sources, renames.selector)
    fields["to"] = _names(statement.destinations, renames.selector)
    return fields


def _names(names: Iterable[str], rename: Callable[[str], str]) -> tuple[str, ...]:
    return tuple(sorted({rename(name) for name in names}))


def _sorted(values: Iterable[Address] | Iterable[Prefix]) -> tuple[Address | Prefix, ...]:
    return tuple(sorted(values, key=address_key))
