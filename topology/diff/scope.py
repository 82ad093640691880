"""Which flows can differ at all between two networks: everything else need not be followed.

A flow that is outside of the scope meets the same tables, the same policies and the same
neighbours on both sides, hop by hop, and so has one fate.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network

from topology.diff.renames import Renames
from topology.reach.flows import FlowSet
from topology.reach.network import Network
from topology.reach.ranges import Ranges, normal, subtract, unite
from topology.reach.space import ADDRESSES, ALL_SERVICES, address_point, prefix_span
from topology.resolve.types import ResolvedNode, ResolvedTopology

__all__ = ["outside_addresses", "scope"]


def scope(old: Network, new: Network, renames: Renames) -> FlowSet:
    """Every flow whose fate may differ, and perhaps some whose fate does not."""
    found = FlowSet()
    heirs = {renames.node(name) for name in old.topology.nodes}
    for name, node in old.topology.nodes.items():
        heir = new.topology.nodes.get(renames.node(name))
        if heir is None:
            found |= _whole(old, node)
        elif node != heir:
            found |= _changed(old, new, node, heir, renames)
    for name, node in new.topology.nodes.items():
        if name not in heirs:
            found |= _whole(new, node)
    return found


def outside_addresses(topology: ResolvedTopology) -> Ranges:
    """Whatever an external node stands for: all addresses that nothing inside has.

    Those of the other nodes on its segments are theirs, those of broadcasts nobody's.
    """
    outer = {
        interface.segment
        for node in topology.nodes.values()
        if not node.deployed
        for interface in node.interfaces
    }
    taken = [
        prefix_span(prefix)
        for name, segment in topology.segments.items()
        if name not in outer
        for prefix in segment.prefixes
    ]
    for name in outer:
        for prefix in topology.segments[name].prefixes:
            if prefix.version == 4 and prefix.prefixlen < 31:
                taken.extend((edge, edge) for edge in prefix_span(prefix))
    for node in topology.nodes.values():
        for interface in node.interfaces if node.deployed else ():
            if interface.segment in outer:
                points = [address_point(address.ip) for address in interface.addresses]
                taken.extend((point, point) for point in points)
    return subtract(ADDRESSES, normal(taken))


def _ends(network: Network, node: ResolvedNode) -> FlowSet:
    """All flows from and to a node."""
    own = network.addresses(node.name)
    near = own if node.deployed else outside_addresses(network.topology)
    return FlowSet.of(own, ADDRESSES, ALL_SERVICES) | FlowSet.of(ADDRESSES, near, ALL_SERVICES)


def _whole(network: Network, node: ResolvedNode) -> FlowSet:
    """What a node that comes or goes can have to do with."""
    found = _ends(network, node)
    if node.kind.forwards:
        found |= FlowSet.of(network.routed(node.name), ADDRESSES, ALL_SERVICES)
    return found


def _changed(
    old: Network, new: Network, node: ResolvedNode, heir: ResolvedNode, renames: Renames
) -> FlowSet:
    found = FlowSet()
    attached = {renames.segment(one.segment): one.segment for one in node.interfaces}
    theirs = {one.segment for one in heir.interfaces}
    if _addresses(node, renames) != _addresses(heir, Renames()) or node.kind is not heir.kind:
        found |= _ends(old, node) | _ends(new, heir)
    if (node.kind.forwards or heir.kind.forwards) and (
        set(attached) != theirs or node.kind is not heir.kind
    ):
        return found | _whole(old, node) | _whole(new, heir)
    if hops := normal(_rerouted(node, heir, renames)):
        near = ADDRESSES
        if not node.kind.forwards:
            near = unite(old.addresses(node.name), new.addresses(heir.name))
            if not (node.deployed and heir.deployed):
                near = ADDRESSES
        found |= FlowSet.of(hops, near, ALL_SERVICES)
    if node.policy != heir.policy:
        for ingress, mine in attached.items():
            for egress in (*attached, None):
                was = old.permitted(node.name, mine, attached[egress] if egress else None)
                now = new.permitted(heir.name, ingress, egress)
                if was != now:
                    found |= (was - now) | (now - was)
    return found


def _addresses(node: ResolvedNode, renames: Renames) -> set[tuple[str, object]]:
    return {(renames.segment(i.segment), a) for i in node.interfaces for a in i.addresses}


def _rerouted(
    node: ResolvedNode, heir: ResolvedNode, renames: Renames
) -> Iterator[tuple[int, int]]:
    """The destinations for which the table says something else."""
    for prefix, *_ in _table(node, renames) ^ _table(heir, Renames()):
        assert isinstance(prefix, IPv4Network | IPv6Network)
        yield prefix_span(prefix)


def _table(node: ResolvedNode, renames: Renames) -> set[tuple[object, str, str]]:
    entries: set[tuple[object, str, str]] = {
        (r.prefix, renames.node(r.next_hop), renames.segment(r.interface)) for r in node.routes
    }
    for interface in node.interfaces:
        for address in interface.addresses:
            entries.add((address.network, "", renames.segment(interface.segment)))
    return entries
