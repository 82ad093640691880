"""The network as a graph: what is attached to what, and where packets go.

Segments and nodes are both vertices; an edge is an interface and points from the node to the
segment it is attached to. This module alone imports networkx.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from topology.resolve.types import (
    Address,
    ResolvedNode,
    ResolvedRoute,
    ResolvedTopology,
)

if TYPE_CHECKING:
    import networkx as nx

__all__ = [
    "Ending",
    "Routing",
    "Vertex",
    "Walk",
    "attachment_graph",
    "cut_forwarders",
    "has_second_path",
    "islands",
]

Vertex: TypeAlias = tuple[str, str]
"""`("node", name)` or `("segment", name)`: both may have the same name."""


def attachment_graph(topology: ResolvedTopology) -> nx.DiGraph[Vertex]:
    """Every node and segment, with an edge from a node to each segment it is attached to."""
    import networkx as nx

    graph: nx.DiGraph[Vertex] = nx.DiGraph()
    graph.add_nodes_from(("segment", name) for name in topology.segments)
    graph.add_nodes_from(("node", name) for name in topology.nodes)
    graph.add_edges_from(
        (("node", name), ("segment", interface.segment))
        for name, node in topology.nodes.items()
        for interface in node.interfaces
    )
    return graph


def islands(topology: ResolvedTopology) -> tuple[frozenset[str], ...]:
    """The sets of nodes that segments and forwarders join, the largest first.

    An end node passes nothing on, yet one with feet on two sides belongs to both, so they are
    one set. These are the graph's weakly connected components, found without networkx, whose
    import takes longer than everything else that validating a small topology needs.
    """
    beside: dict[str, list[str]] = {name: [] for name in topology.segments}
    for name, node in topology.nodes.items():
        for interface in node.interfaces:
            beside[interface.segment].append(name)
    found: list[frozenset[str]] = []
    left = dict.fromkeys(topology.nodes)
    while left:
        start = next(iter(left))
        del left[start]
        island, queue = {start}, [start]
        while queue:
            for interface in topology.nodes[queue.pop()].interfaces:
                # Whoever is on the segment is taken once: the next visit finds it empty.
                for name in beside[interface.segment]:
                    if name in left:
                        del left[name]
                        island.add(name)
                        queue.append(name)
                beside[interface.segment] = []
        found.append(frozenset(island))
    return tuple(sorted(found, key=lambda names: (-len(names), min(names))))


def cut_forwarders(topology: ResolvedTopology) -> dict[str, tuple[str, ...]]:
    """The forwarders without which others are cut off, with the nodes that are.

    They are the articulation points of the graph of forwarders and segments. Cut off is whoever
    no longer reaches the largest part that is left; end nodes pass nothing on.
    """
    import networkx as nx

    graph: nx.Graph[Vertex] = nx.Graph()
    graph.add_nodes_from(("segment", name) for name in topology.segments)
    for name, node in topology.nodes.items():
        if node.kind.forwards:
            graph.add_edges_from((("node", name), ("segment", i.segment)) for i in node.interfaces)
    found: dict[str, tuple[str, ...]] = {}
    for kind, name in sorted(nx.articulation_points(graph)):
        if kind != "node":
            continue
        rest = graph.subgraph(vertex for vertex in graph if vertex != (kind, name))
        parts = sorted(nx.connected_components(rest), key=lambda part: (-len(part), min(part)))
        main = {segment for what, segment in parts[0] if what == "segment"}
        cut_off = tuple(
            other
            for other, node in topology.nodes.items()
            if other != name and not any(i.segment in main for i in node.interfaces)
        )
        if cut_off:
            found[name] = cut_off
    return found


def has_second_path(topology: ResolvedTopology) -> bool:
    """Whether forwarders join some segments in more than one way: else there and back agree."""
    above: dict[Vertex, Vertex] = {}

    def root(vertex: Vertex) -> Vertex:
        while (parent := above.setdefault(vertex, vertex)) != vertex:
            above[vertex] = vertex = above.setdefault(parent, parent)
        return vertex

    for name, node in topology.nodes.items():
        if node.kind.forwards:
            for interface in node.interfaces:
                one, other = root(("node", name)), root(("segment", interface.segment))
                if one == other:
                    return True
                above[one] = other
    return False


class Ending(StrEnum):
    """How a packet's walk ends."""

    DELIVERED = "delivered"
    NO_ROUTE = "no route"
    LOOP = "loop"
    NOT_FORWARDED = "not forwarded"


@dataclass(frozen=True, slots=True)
class Walk:
    """The nodes that a packet passes, its source first, and how that ends at the last."""

    nodes: tuple[str, ...]
    ending: Ending


class Routing:
    """Where each node sends a packet: connected prefixes and static routes, the longest first."""

    def __init__(self, topology: ResolvedTopology) -> None:
        self._topology = topology
        self._owners: Mapping[Address, str] = {
            address.ip: node.name
            for node in topology.nodes.values()
            for interface in node.interfaces
            for address in interface.addresses
        }
        self._tables: dict[str, _Table] = {}

    def table(self, node: str) -> _Table:
        """The forwarding table of a node."""
        if node not in self._tables:
            self._tables[node] = _Table(self._topology.nodes[node])
        return self._tables[node]

    def deciders(self, destination: Address) -> Iterator[str]:
        """The forwarders that have more than a default route for an address, some twice.

        Whoever is not among them sends a packet for it the way of all packets.
        """
        value, bits = int(destination), destination.max_prefixlen
        for length, nodes in self._narrow[destination.version].items():
            shift = bits - length
            yield from nodes.get(value >> shift << shift, ())

    def default_circles(self, version: int) -> tuple[str, ...]:
        """One forwarder of every circle that default routes alone make."""
        passed: dict[str, str] = {}
        found: list[str] = []
        for start in self._defaults[version]:
            node: str | None = start
            while node is not None and node not in passed:
                passed[node] = start
                node = self._defaults[version].get(node)
            if node is not None and passed[node] == start:
                found.append(node)
        return tuple(found)

    @cached_property
    def _narrow(self) -> dict[int, dict[int, dict[int, list[str]]]]:
        """The forwarders attached to a prefix or with a route to it, by version, length, value."""
        found: dict[int, dict[int, dict[int, list[str]]]] = {4: {}, 6: {}}
        for name, node in self._forwarders():
            attached = (a.network for i in node.interfaces for a in i.addresses)
            for prefix in (*attached, *(route.prefix for route in node.routes)):
                if prefix.prefixlen:
                    by_length = found[prefix.version].setdefault(prefix.prefixlen, {})
                    by_length.setdefault(int(prefix.network_address), []).append(name)
        return found

    @cached_property
    def _defaults(self) -> dict[int, dict[str, str]]:
        """Every forwarder's next hop by its default route, by version."""
        found: dict[int, dict[str, str]] = {4: {}, 6: {}}
        for name, node in self._forwarders():
            for route in node.routes:
                if not route.prefix.prefixlen:
                    found[route.prefix.version][name] = route.next_hop
        return found

    def _forwarders(self) -> Iterator[tuple[str, ResolvedNode]]:
        for name, node in self._topology.nodes.items():
            if node.kind.forwards:
                yield name, node

    def walk(self, source: str, destination: Address) -> Walk:
        """Follows routes from `source` to an address, filters not regarded."""
        passed = [source]
        while True:
            here = passed[-1]
            if self._owners.get(destination) == here:
                return Walk(tuple(passed), Ending.DELIVERED)
            if len(passed) > 1 and not self._topology.nodes[here].kind.forwards:
                return Walk(tuple(passed), Ending.NOT_FORWARDED)
            hop = self.table(here).lookup(destination)
            following = (
                self._owners.get(destination)
                if hop is _CONNECTED
                else (hop.next_hop if isinstance(hop, ResolvedRoute) else None)
            )
            if following is None:
                return Walk(tuple(passed), Ending.NO_ROUTE)
            if following in passed:
                return Walk((*passed, following), Ending.LOOP)
            passed.append(following)


class _Connected:
    """The destination is on a segment of the node itself."""


_CONNECTED = _Connected()


class _Table:
    """A node's prefixes by length, so that a lookup costs one probe a length."""

    def __init__(self, node: ResolvedNode) -> None:
        self._entries: dict[int, dict[int, dict[int, ResolvedRoute | _Connected]]] = {4: {}, 6: {}}
        for route in node.routes:
            self._add(
                route.prefix.version,
                route.prefix.prefixlen,
                int(route.prefix.network_address),
                route,
            )
        for interface in node.interfaces:
            for address in interface.addresses:
                network = address.network
                self._add(
                    network.version, network.prefixlen, int(network.network_address), _CONNECTED
                )
        self._lengths = {
            v: sorted(by_length, reverse=True) for v, by_length in self._entries.items()
        }

    def _add(self, version: int, length: int, value: int, hop: ResolvedRoute | _Connected) -> None:
        self._entries[version].setdefault(length, {})[value] = hop

    def lookup(self, destination: Address) -> ResolvedRoute | _Connected | None:
        """What the longest matching prefix says (RFC 1812 section 5.2.4.3)."""
        value, bits = int(destination), destination.max_prefixlen
        for length in self._lengths[destination.version]:
            shift = bits - length
            hop = self._entries[destination.version][length].get(value >> shift << shift)
            if hop is not None:
                return hop
        return None
