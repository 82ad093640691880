"""Flows drawn for the wire: the same for a seed, at the edges, and told alike by sets and walks."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.support.golden import PROJECT
from topology.pipeline import require_file
from topology.reach.flows import FlowSet
from topology.reach.network import Ending, Network
from topology.reach.samples import samples, service_edges
from topology.reach.space import ADDRESSES, ALL_SERVICES
from topology.reach.trace import End
from topology.resolve.types import Protocol

FILES = ("poc.yaml", "examples/managed.yaml", "examples/open.yaml", "examples/two-dmz.yaml")


@pytest.mark.parametrize("file", FILES)
def test_a_thousand_flows_that_sets_and_walks_agree_on(file: str) -> None:
    topology = require_file(PROJECT / file)
    origins = [name for name, node in topology.nodes.items() if not node.kind.forwards]
    drawn = samples(topology, origins, 1000)
    assert len(drawn) == 1000
    assert drawn == samples(topology, origins, 1000)
    assert drawn != samples(topology, origins, 1000, seed=1)
    network = Network(topology)
    sent = {
        origin: [
            outcome
            # Whatever source they claim.
            for outcome in network.outcomes(
                network.send(origin, FlowSet.of(ADDRESSES, ADDRESSES, ALL_SERVICES))
            )
            if outcome.ending is Ending.DELIVERED
        ]
        for origin in origins
    }
    for sample in drawn:
        arrives = [o.node for o in sent[sample.origin] if sample.packet in o.flows]
        delivered = sample.predicted.end is End.DELIVERED
        assert arrives == ([sample.predicted.last.node] if delivered else []), sample
    ends = Counter(sample.predicted.end for sample in drawn)
    assert ends[End.DELIVERED] > 50
    assert {sample.packet.source.version for sample in drawn} == {4, 6}
    assert ends[End.SPOOFED] > 10


def test_edges_are_those_of_rules_and_statements() -> None:
    edges = service_edges(require_file(PROJECT / "poc.yaml"))
    assert {(Protocol.TCP, port) for port in (79, 80, 81, 52, 53, 54)} <= edges
    assert {(Protocol.ICMP, 0), (Protocol.ICMP, 1), (Protocol.ICMP, 7), (Protocol.ICMP, 9)} <= edges


def test_a_flow_is_seen_on_every_segment_that_it_crosses() -> None:
    topology = require_file(PROJECT / "poc.yaml")
    drawn = samples(topology, ["client"], 400, versions=(4,))
    to_web = [s for s in drawn if s.predicted.last.node == "web"]
    forged = [s for s in drawn if s.predicted.end is End.SPOOFED]
    assert {sample.seen_on for sample in forged} == {("external",)}
    assert {sample.seen_on for sample in to_web} == {("external", "transit", "servers")}
    stopped = [s for s in drawn if s.predicted.end is End.FILTERED]
    assert {sample.seen_on for sample in stopped} == {("external",)}
