"""What the names in selectors, routes and services stand for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property

from topology.model import DnsNode, Kind, Topology

__all__ = ["ANY", "DEFAULT", "Names", "zone_of"]

ANY = "any"
"""The selector and service that stands for everything."""

DEFAULT = "default"
"""The destination of a route that stands for everything not routed otherwise."""


def zone_of(topology: Topology, segment: str) -> str:
    """The zone of a declared segment: its own name where it gives none."""
    return topology.segments[segment].zone or segment


class Names:
    """An index of a topology's names; every order in it is by name."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology

    @cached_property
    def zones(self) -> Mapping[str, tuple[str, ...]]:
        """The segments of each zone."""
        zones: dict[str, list[str]] = {}
        for segment in sorted(self.topology.segments):
            zones.setdefault(zone_of(self.topology, segment), []).append(segment)
        return {zone: tuple(zones[zone]) for zone in sorted(zones)}

    @cached_property
    def attached(self) -> Mapping[str, tuple[str, ...]]:
        """The nodes attached to each segment."""
        nodes: dict[str, list[str]] = {segment: [] for segment in sorted(self.topology.segments)}
        for name in sorted(self.topology.nodes):
            for segment in self.topology.nodes[name].interfaces:
                nodes.setdefault(segment, []).append(name)
        return {segment: tuple(names) for segment, names in nodes.items()}

    @cached_property
    def forwarders(self) -> frozenset[str]:
        """The nodes that pass packets on."""
        nodes = self.topology.nodes
        return frozenset(name for name in nodes if Kind(nodes[name].kind).forwards)

    @cached_property
    def forwarders_on(self) -> Mapping[str, tuple[str, ...]]:
        """The forwarders attached to each segment."""
        return {
            segment: tuple(node for node in nodes if node in self.forwarders)
            for segment, nodes in self.attached.items()
        }

    @cached_property
    def servers(self) -> Mapping[str, frozenset[str]]:
        """The DNS nodes that serve each declared zone."""
        servers: dict[str, set[str]] = {}
        for name, node in self.topology.nodes.items():
            if isinstance(node, DnsNode):
                for origin in node.records:
                    servers.setdefault(origin, set()).add(name)
        return {origin: frozenset(nodes) for origin, nodes in servers.items()}

    @cached_property
    def selectors(self) -> tuple[str, ...]:
        """Every name that a selector may use."""
        names = {ANY, *self.zones, *self.topology.segments, *self.topology.nodes}
        return tuple(sorted(names))

    @cached_property
    def everybody(self) -> tuple[str, ...]:
        """Every node."""
        return tuple(sorted(self.topology.nodes))

    def is_node(self, name: str) -> bool:
        """Whether `name` is a node's."""
        return name in self.topology.nodes

    def forwards(self, node: str) -> bool:
        """Whether the node passes packets on."""
        return node in self.forwarders

    def segments(self, name: str) -> tuple[str, ...]:
        """The segments that a zone or a segment stands for; a zone goes before its namesake."""
        if name in self.zones:
            return self.zones[name]
        return (name,) if name in self.topology.segments else ()

    def nodes(self, selectors: Iterable[str]) -> tuple[str, ...]:
        """The nodes that selectors of a statement stand for.

        A zone or segment stands for who lives there: the attached nodes that do not forward,
        or, where only forwarders meet (a transit), those. Forwarders are named otherwise.
        """
        found: set[str] = set()
        for name in selectors:
            if name == ANY:
                return self.everybody
            if self.is_node(name):
                found.add(name)
                continue
            there = {n for segment in self.segments(name) for n in self.attached[segment]}
            found |= {n for n in there if not self.forwards(n)} or there
        return tuple(sorted(found))
