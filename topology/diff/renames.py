"""What is the same thing under another name."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from topology.diff.view import View
from topology.model import Topology

__all__ = ["Renames", "find_renames", "same_content"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Renames:
    """Old names by kind of thing, with what each is called now; names that stay are left out."""

    segments: Mapping[str, str] = field(default_factory=dict)
    zones: Mapping[str, str] = field(default_factory=dict)
    nodes: Mapping[str, str] = field(default_factory=dict)
    services: Mapping[str, str] = field(default_factory=dict)
    policies: Mapping[str, str] = field(default_factory=dict)
    statements: Mapping[str, str] = field(default_factory=dict)

    def selector(self, name: str) -> str:
        """What a selector or a route's destination is called now."""
        for names in (self.zones, self.segments, self.nodes):
            if name in names:
                return names[name]
        return name

    def node(self, name: str) -> str:
        """What a node is called now."""
        return self.nodes.get(name, name)

    def segment(self, name: str) -> str:
        """What a segment is called now."""
        return self.segments.get(name, name)

    def service(self, name: str) -> str:
        """What a service is called now."""
        return self.services.get(name, name)


def find_renames(old: View, new: View) -> Renames:
    """Names that are gone, and new names of the same kind for what they stood for.

    A segment is known by its prefixes; a node by its addresses, its MAC, or by being the only
    one of its content; a zone by its segments; services, policies and statements by content.
    """
    one, other = old.declared, new.declared
    segments = same_content(
        one.segments, other.segments, lambda s: frozenset(s.prefixes), lambda s: (s.zone, s.mtu)
    )
    zones = _zones(one, other, segments)
    services = same_content(one.services, other.services, frozenset)
    nodes = _nodes(old, new, segments)
    known = Renames(segments, zones, nodes, services)
    policies = _policies(one, other, known)
    known = Renames(segments, zones, nodes, services, policies)
    return Renames(segments, zones, nodes, services, policies, _statements(one, other, known))


def same_content(
    old: Mapping[str, T], new: Mapping[str, T], *keys: Callable[[T], Hashable]
) -> dict[str, str]:
    """Names of `old` that `new` lacks, with the new name whose value has the same key.

    Keys are tried in order; a key that two of either side share decides nothing.

    >>> same_content({"a": 1, "b": 2}, {"b": 2, "c": 1}, lambda value: value)
    {'a': 'c'}
    """
    gone = {name: value for name, value in old.items() if name not in new}
    come = {name: value for name, value in new.items() if name not in old}
    found: dict[str, str] = {}
    for key in keys:
        mine, theirs = _unique(gone, key), _unique(come, key)
        for value, name in mine.items():
            if value in theirs:
                found[name] = theirs[value]
                del gone[name], come[theirs[value]]
    return dict(sorted(found.items()))


def _unique(values: Mapping[str, T], key: Callable[[T], Hashable]) -> dict[Hashable, str]:
    found: dict[Hashable, str] = {}
    shared: set[Hashable] = set()
    for name, value in values.items():
        known = key(value)
        if known in found:
            shared.add(known)
        elif known is not None:
            found[known] = name
    return {known: name for known, name in found.items() if known not in shared}


def _zones(old: Topology, new: Topology, segments: Mapping[str, str]) -> dict[str, str]:
    def members(topology: Topology, names: Mapping[str, str]) -> dict[str, frozenset[str]]:
        found: dict[str, set[str]] = {}
        for name, segment in topology.segments.items():
            found.setdefault(segment.zone or name, set()).add(names.get(name, name))
        return {zone: frozenset(inside) for zone, inside in found.items()}

    return same_content(members(old, segments), members(new, {}), lambda inside: inside)


def _nodes(old: View, new: View, segments: Mapping[str, str]) -> dict[str, str]:
    def traits(view: View, names: Mapping[str, str]) -> dict[str, tuple[Hashable, ...]]:
        other = new if view is old else old
        return {
            name: _traits(view, name, names)
            for name in view.declared.nodes
            if name not in other.declared.nodes
        }

    return same_content(
        traits(old, segments),
        traits(new, {}),
        lambda known: known[0],
        lambda known: known[1],
        lambda known: known[2],
    )


def _traits(view: View, name: str, segments: Mapping[str, str]) -> tuple[Hashable, ...]:
    """A node's addresses, its declared MACs and its content, each with its kind, or `None`."""
    node = view.declared.nodes[name]
    addresses = {a for i in node.interfaces.values() for a in i.addresses}
    if not addresses and view.resolved is not None:
        resolved = view.resolved.nodes[name]
        addresses = {a.ip for i in resolved.interfaces for a in i.addresses}
    macs = {i.mac for i in node.interfaces.values() if i.mac is not None}
    content = node.model_dump(mode="json", exclude={"interfaces", "routes"})
    where = sorted(segments.get(segment, segment) for segment in node.interfaces)
    return (
        (node.kind, frozenset(addresses)) if addresses else None,
        (node.kind, frozenset(macs)) if macs else None,
        repr((content, where)),
    )


def _policies(old: Topology, new: Topology, known: Renames) -> dict[str, str]:
    def content(topology: Topology, renames: Renames) -> dict[str, str]:
        return {
            name: repr(
                (
                    policy.default,
                    policy.stateful,
                    [
                        (
                            rule.name,
                            rule.action,
                            _mapped(rule.services, renames.service),
                            _mapped(rule.sources, renames.selector),
                            _mapped(rule.destinations, renames.selector),
                            rule.log,
                        )
                        for rule in policy.rules
                    ],
                )
            )
            for name, policy in topology.policies.items()
        }

    found = same_content(content(old, known), content(new, Renames()), lambda text: text)
    # A policy that is edited and renamed at once is known by the firewall that applies it.
    for node, declared in old.nodes.items():
        heir = new.nodes.get(known.node(node))
        mine, theirs = getattr(declared, "policy", None), getattr(heir, "policy", None)
        if mine and theirs and mine not in new.policies and theirs not in old.policies:
            found.setdefault(mine, theirs)
    return found


def _statements(old: Topology, new: Topology, known: Renames) -> dict[str, str]:
    def content(topology: Topology, renames: Renames) -> dict[str, str]:
        found = {}
        for name, statement in topology.statements.items():
            values = statement.model_dump(mode="json", by_alias=False)
            values["sources"] = _mapped(statement.sources, renames.selector)
            values["destinations"] = _mapped(statement.destinations, renames.selector)
            found[name] = repr(sorted(values.items()))
        return found

    return same_content(content(old, known), content(new, Renames()), lambda text: text)


def _mapped(names: Iterable[str], rename: Callable[[str], str]) -> list[str]:
    return sorted(map(rename, names))
