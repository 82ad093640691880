"""What is outside: the addresses that external nodes stand for."""

from __future__ import annotations

from topology.reach.ranges import Ranges, normal, subtract
from topology.reach.space import ADDRESSES, address_point, prefix_span
from topology.resolve.types import ResolvedTopology

__all__ = ["outside_addresses"]


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
