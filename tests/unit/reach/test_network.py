"""What the network does to sets of flows is what it does to each of their packets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings

from tests.support.networks import networks, packets
from topology.model import Topology
from topology.reach.flows import FlowSet
from topology.reach.network import Ending, Network, Outcome
from topology.reach.space import ADDRESSES, address_point
from topology.reach.trace import End, trace
from topology.resolve import resolve
from topology.resolve.types import ResolvedTopology

bounded = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
ENDINGS = {
    Ending.DELIVERED: End.DELIVERED,
    Ending.LOOP: End.LOOP,
    Ending.NO_NEIGHBOUR: End.NO_NEIGHBOUR,
    Ending.NO_ROUTE: End.NO_ROUTE,
}


def resolved(document: dict[str, Any]) -> ResolvedTopology:
    topology, diagnostics = resolve(Topology.model_validate(document), Path())
    assert topology is not None, diagnostics
    return topology


@bounded
@given(networks())
def test_what_a_node_sends_arrives_where_a_walk_arrives(document: dict[str, Any]) -> None:
    topology = resolved(document)
    network = Network(topology)
    for name, node in topology.nodes.items():
        sent = network.send(name, network.opened([name], ADDRESSES))
        outcomes = list(network.outcomes(sent))
        # One interface: then the source address is always one of it.
        if len(node.interfaces) > 1:
            continue
        own = {a.ip for interface in node.interfaces for a in interface.addresses}
        for packet in packets(topology):
            if packet.source not in own or packet.destination in own:
                continue
            walked = trace(topology, packet, name)
            told = [o for o in outcomes if packet in o.flows]
            if walked.end in (End.FILTERED, End.MARTIAN, End.SPOOFED):
                assert not told, (packet, walked, told)
            elif told:
                assert [(ENDINGS[o.ending], o.node) for o in told] == [
                    (walked.end, walked.last.node)
                ], packet
                passed = [(hop.node, hop.ingress) for hop in walked.hops[1:]]
                ended_at_host = not topology.nodes[walked.last.node].kind.forwards
                assert list(told[0].path) == passed[: -1 if ended_at_host else None], packet
            else:
                # A broadcast address is nobody's, which a walk calls no route.
                assert walked.end is End.NO_ROUTE, (packet, walked)


@bounded
@given(networks())
def test_a_stranger_s_packet_arrives_where_a_walk_arrives(document: dict[str, Any]) -> None:
    topology = resolved(document)
    network = Network(topology)
    for segment in topology.segments:
        for start in network.enter(segment, FlowSet.everything(), None):
            if isinstance(start, Outcome):
                continue
            outcomes = [o for o in network.follow(start) if o.ending is Ending.DELIVERED]
            origin = network.attached[segment][0]
            for packet in packets(topology):
                walked = trace(topology, packet, origin, first=(segment, start.arrival[0]))
                told = [o.node for o in outcomes if packet in o.flows]
                arrived = [walked.last.node] if walked.end is End.DELIVERED else []
                if origin != start.arrival[0]:
                    assert told == arrived, (packet, walked)


@bounded
@given(networks())
def test_answers_come_back_through_filters_that_saw_the_question(document: dict[str, Any]) -> None:
    topology = resolved(document)
    network = Network(topology)
    names = frozenset(list(topology.nodes)[:2])
    for name, node in topology.nodes.items():
        if len(node.interfaces) > 1:
            continue
        sent = network.send(name, network.opened([name], ADDRESSES))
        outcomes = [
            outcome
            for outcome in network.outcomes(sent, answers_to=names)
            if outcome.ending is Ending.DELIVERED
        ]
        own = {a.ip for interface in node.interfaces for a in interface.addresses}
        for packet in packets(topology):
            if packet.source in own and packet.destination not in own:
                walked = trace(topology, packet, name, answers_to=names)
                told = [o.node for o in outcomes if packet in o.flows]
                assert told == ([walked.last.node] if walked.end is End.DELIVERED else [])


def test_a_node_s_addresses_are_points() -> None:
    topology = resolved(
        {
            "version": 1,
            "name": "one",
            "segments": {"s": {"prefixes": ["10.0.0.0/24"]}},
            "nodes": {"w": {"kind": "web", "interfaces": {"s": ["10.0.0.1", "10.0.0.2"]}}},
        }
    )
    low = address_point(topology.nodes["w"].interfaces[0].addresses[0].ip)
    assert Network(topology).addresses("w") == ((low, low + 1),)
