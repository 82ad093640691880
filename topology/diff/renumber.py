"""Addresses that are the same node's under another number.

Flows are told between nodes: where a node keeps its place and gets another address, what it may
open is the same, and a reader wants to be told of the address once and of no flow.
"""

from __future__ import annotations

from collections.abc import Mapping

from topology.diff.renames import Renames
from topology.reach.flows import FlowSet
from topology.reach.ranges import normal
from topology.reach.space import Packet, address_at, address_point
from topology.resolve.types import ResolvedTopology

__all__ = ["former_packet", "renumbered", "translated"]


def renumbered(old: ResolvedTopology, new: ResolvedTopology, renames: Renames) -> dict[int, int]:
    """Old addresses with the new ones that took their place: same node, segment and family."""
    found: dict[int, int] = {}
    for name, node in old.nodes.items():
        heir = new.nodes.get(renames.node(name))
        if heir is None or node.interfaces == heir.interfaces or not node.deployed:
            continue
        theirs = {interface.segment: interface for interface in heir.interfaces}
        for interface in node.interfaces:
            other = theirs.get(renames.segment(interface.segment))
            for version in (4, 6):
                gone = [a.ip for a in interface.addresses if a.version == version]
                come = [a.ip for a in other.addresses if a.version == version] if other else []
                if len(gone) == len(come) == 1 and gone != come:
                    found[address_point(gone[0])] = address_point(come[0])
    return found


def translated(flows: FlowSet, points: Mapping[int, int]) -> FlowSet:
    """The same flows with the addresses that have changed read as the new ones."""
    moved = normal((point, point) for point in points)
    there = flows.towards(moved)
    flows -= there
    for old, new in points.items():
        for box in there.towards(((old, old),)).boxes():
            flows |= FlowSet.of(((new, new),), box.sources, box.services)
    here = flows.by(moved)
    flows -= here
    for old, new in points.items():
        for box in here.by(((old, old),)).boxes():
            flows |= FlowSet.of(box.destinations, ((new, new),), box.services)
    return flows


def former_packet(packet: Packet, points: Mapping[int, int]) -> Packet:
    """The packet as it would have been with the old addresses."""
    back = {new: old for old, new in points.items()}
    source, destination = address_point(packet.source), address_point(packet.destination)
    return Packet(
        address_at(back.get(source, source)),
        address_at(back.get(destination, destination)),
        packet.protocol,
        packet.port,
        packet.source_port,
    )
