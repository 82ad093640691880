"""Routes: names of destinations and next hops turned into prefixes and addresses, or derived."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from functools import cache
from ipaddress import ip_network

from topology.model import Topology
from topology.model.base import parse_prefix
from topology.resolve.addresses import Attachment, address_key
from topology.resolve.names import DEFAULT, Names
from topology.resolve.types import Address, InterfaceAddress, Prefix, ResolvedRoute

__all__ = ["DEFAULT_PREFIXES", "destination_prefixes", "resolve_routes", "shared_segments"]

DEFAULT_PREFIXES: tuple[Prefix, ...] = (ip_network("0.0.0.0/0"), ip_network("::/0"))

Addresses = Mapping[Attachment, tuple[InterfaceAddress, ...]]


def resolve_routes(names: Names, addresses: Addresses) -> dict[str, tuple[ResolvedRoute, ...]]:
    """Every node's static routes, sorted by prefix; connected prefixes have none.

    Of two declared routes for one prefix the narrower name wins: a prefix, then a segment, then
    a zone. A route covers each family in which the next hop has an address on a shared segment.
    """
    derive = _Derivation(names)
    result = {}
    for node, declared in names.topology.nodes.items():
        routes = declared.routes if declared.routes is not None else derive.routes(node)
        found: dict[Prefix, ResolvedRoute] = {}
        for destination in sorted(routes, key=lambda name: _breadth(names, name)):
            for prefix in destination_prefixes(names, node, destination):
                hop = _next_hop(names, addresses, node, routes[destination], prefix)
                if hop is not None:
                    found.setdefault(prefix, hop)
        result[node] = tuple(found[prefix] for prefix in sorted(found, key=address_key))
    return result


def destination_prefixes(names: Names, node: str, destination: str) -> tuple[Prefix, ...]:
    """The prefixes that a route's destination stands for at `node`, connected ones left out."""
    if destination == DEFAULT:
        return DEFAULT_PREFIXES
    if "/" in destination:
        return (parse_prefix(destination),)
    attached = names.topology.nodes[node].interfaces
    return tuple(
        prefix
        for segment in names.segments(destination)
        if segment not in attached
        for prefix in names.topology.segments[segment].prefixes
    )


def shared_segments(topology: Topology, node: str, other: str) -> tuple[str, ...]:
    """The segments that both nodes are attached to, by name."""
    mine, theirs = topology.nodes[node].interfaces, topology.nodes[other].interfaces
    return tuple(sorted(set(mine) & set(theirs)))


def _breadth(names: Names, destination: str) -> tuple[int, str]:
    if "/" in destination:
        return 0, destination
    return (2 if len(names.segments(destination)) > 1 else 1), destination


def _next_hop(
    names: Names, addresses: Addresses, node: str, hop: str, prefix: Prefix
) -> ResolvedRoute | None:
    for segment in shared_segments(names.topology, node, hop):
        networks = [own.network for own in addresses[node, segment]]
        for address in addresses[hop, segment]:
            if address.version == prefix.version and address.network in networks:
                via: Address = address.ip
                return ResolvedRoute(prefix, hop, via, segment)
    return None


class _Derivation:
    """Routes along the fewest segments; among equals, the next hop first by name.

    A node that does not forward gets one default route when a single next hop serves it; all
    others get a route for each segment that they are not attached to.
    """

    def __init__(self, names: Names) -> None:
        self._names = names
        self._distances = cache(self._measure)

    def routes(self, node: str) -> dict[str, str]:
        hops = dict(self._hops(node))
        if not self._names.forwards(node) and len(set(hops.values())) == 1:
            return {DEFAULT: next(iter(hops.values()))}
        prefixes = self._names.topology.segments
        # Keyed by prefix: a segment's name may also be a zone's.
        return {str(p): hop for segment, hop in hops.items() for p in prefixes[segment].prefixes}

    def _hops(self, node: str) -> Iterator[tuple[str, str]]:
        attached = self._names.topology.nodes[node].interfaces
        neighbours = sorted(
            {n for s in attached for n in self._names.attached[s] if self._names.forwards(n)}
            - {node}
        )
        for target in sorted(set(self._names.topology.segments) - set(attached)):
            distances = self._distances(target)
            reachable = [(distances[n], n) for n in neighbours if n in distances]
            if reachable:
                yield target, min(reachable)[1]

    def _measure(self, target: str) -> dict[str, int]:
        """How many segments lie between each forwarder and `target`."""
        distances: dict[str, int] = {}
        seen, queue = {target}, deque([(target, 0)])
        while queue:
            segment, distance = queue.popleft()
            for node in self._names.attached[segment]:
                if node in distances or not self._names.forwards(node):
                    continue
                distances[node] = distance
                for further in sorted(set(self._names.topology.nodes[node].interfaces) - seen):
                    seen.add(further)
                    queue.append((further, distance + 1))
        return distances
