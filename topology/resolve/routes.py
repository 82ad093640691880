"""Routes: names of destinations and next hops turned into prefixes and addresses, or derived."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
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
        wanted = derive.routes(node) if declared.routes is None else _declared(names, node)
        found = {
            prefix: route
            for prefix in sorted(wanted, key=address_key)
            if (route := _route(names, addresses, node, wanted[prefix], prefix)) is not None
        }
        result[node] = tuple(found.values())
    return result


def _declared(names: Names, node: str) -> dict[Prefix, str]:
    """The next hop of each declared prefix; a narrower name goes before a wider one."""
    routes = names.topology.nodes[node].routes or {}
    hops: dict[Prefix, str] = {}
    for destination in sorted(routes, key=lambda name: _breadth(names, name)):
        for prefix in destination_prefixes(names, node, destination):
            hops.setdefault(prefix, routes[destination])
    return hops


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


def _route(
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
        self._towards = cache(self._measure)
        self._hops = cache(self._choose)

    def routes(self, node: str) -> Mapping[Prefix, str]:
        """The next hop of each prefix."""
        hops = self._hops(frozenset(self._names.topology.nodes[node].interfaces))
        if not self._names.forwards(node) and len(set(hops.values())) == 1:
            return dict.fromkeys(DEFAULT_PREFIXES, next(iter(hops.values())))
        segments = self._names.topology.segments
        return {p: hop for segment, hop in hops.items() for p in segments[segment].prefixes}

    def _choose(self, attached: frozenset[str]) -> dict[str, str]:
        """The next hop towards every other segment, for a node that is attached to these."""
        hops = {}
        for target in self._names.topology.segments:
            if target not in attached:
                towards = self._towards(target)
                nearest = min((towards[s] for s in attached if s in towards), default=None)
                if nearest is not None:
                    hops[target] = nearest[1]
        return hops

    def _measure(self, target: str) -> dict[str, tuple[int, str]]:
        """For each segment, the forwarder on it that is nearest to `target`, and how far it is.

        A forwarder never is its own next hop: one that is not attached to the target has a
        neighbour that is nearer.
        """
        nearest: dict[str, tuple[int, str]] = {}
        passed: set[str] = set()
        seen, queue = {target}, deque([(target, 0)])
        while queue:
            segment, distance = queue.popleft()
            for node in self._names.forwarders_on[segment]:
                if node in passed:
                    continue
                passed.add(node)
                for beside in self._names.topology.nodes[node].interfaces:
                    known = nearest.get(beside)
                    if known is None or (distance, node) < known:
                        nearest[beside] = (distance, node)
                    if beside not in seen:
                        seen.add(beside)
                        queue.append((beside, distance + 1))
        return nearest
