"""Statements: no packet breaks what is proved, and every counter-example is a packet that does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.golden import PROJECT
from tests.support.networks import SERVICES, networks, packets
from topology.model import Topology
from topology.pipeline import require_file
from topology.reach.network import Network
from topology.reach.ranges import contains
from topology.reach.space import EPHEMERAL, Packet, service_point, services_of
from topology.reach.statements import Prover, prove
from topology.reach.trace import End, Trace, trace
from topology.reach.verdict import Break
from topology.resolve import resolve
from topology.resolve.types import (
    Protocol,
    ResolvedStatement,
    ResolvedTopology,
    RoutingFault,
    StatementKind,
)

bounded = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@st.composite
def stated(draw: st.DrawFn) -> dict[str, Any]:
    """Networks with statements of every kind about some of their nodes."""
    document = draw(networks())
    names = sorted(document["nodes"])
    some = st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True)
    forwarders = st.sampled_from([name for name in names if name.startswith("f")])
    services = st.lists(st.sampled_from(SERVICES), min_size=1, max_size=2, unique=True)
    ends = {"from": some, "to": some}
    drawn = {key: draw(st.fixed_dictionaries(ends)) for key in ("a", "b", "c", "d", "e", "f", "g")}
    return document | {
        "statements": {
            "a": drawn["a"] | {"reach": draw(services)},
            "b": drawn["b"] | {"reach": "tcp/80"},
            "c": drawn["c"] | {"isolate": draw(services)},
            "d": drawn["d"] | {"isolate": draw(services), "across": draw(forwarders)},
            "e": drawn["e"] | {"only": ["a", "b"]},
            "f": drawn["f"] | {"waypoint": draw(forwarders)},
            "g": drawn["g"] | {"never": ["loops", "black-holes"]},
        }
    }


def resolved(document: dict[str, Any]) -> ResolvedTopology:
    topology, diagnostics = resolve(Topology.model_validate(document), Path())
    assert topology is not None, diagnostics
    return topology


def own(topology: ResolvedTopology, name: str) -> set[object]:
    return {a.ip for i in topology.nodes[name].interfaces for a in i.addresses}


def strange(topology: ResolvedTopology, source: str, packet: Packet) -> Iterator[Trace]:
    """Every way that a packet takes from a node's segments, whoever there it is handed to."""
    for interface in topology.nodes[source].interfaces:
        for name, node in topology.nodes.items():
            if name != source and any(i.segment == interface.segment for i in node.interfaces):
                yield trace(topology, packet, source, first=(interface.segment, name))


def is_of(statement: ResolvedStatement, packet: Packet) -> bool:
    point = service_point(packet.protocol, packet.port)
    return contains(services_of(statement.matches), point)


def broken_by(topology: ResolvedTopology, statement: ResolvedStatement) -> bool:
    """Whether one of a few hundred packets breaks a statement, by walking each."""
    if statement.kind is StatementKind.REACH:
        return any(_lost(topology, statement, packet) for packet in packets(topology))
    if statement.kind is StatementKind.NEVER:
        return any(_misrouted(topology, statement, packet) for packet in packets(topology))
    return any(
        walked.end is End.DELIVERED
        and walked.last.node != source
        and walked.last.node in statement.destinations
        and _is_breach(topology, statement, source, walked)
        for packet in packets(topology)
        for source in statement.sources
        for walked in strange(topology, source, packet)
    )


def _is_breach(
    topology: ResolvedTopology, statement: ResolvedStatement, source: str, walked: Trace
) -> bool:
    if statement.kind is StatementKind.ISOLATE:
        crossed = statement.node is None or statement.node in walked.nodes[1:]
        return is_of(statement, walked.packet) and crossed
    if statement.kind is StatementKind.WAYPOINT:
        return statement.node not in {*walked.nodes, source}
    return not any(
        source in each.sources
        and walked.last.node in each.destinations
        and is_of(each, walked.packet)
        for each in (topology.statements[name] for name in statement.only)
    )


def _lost(topology: ResolvedTopology, statement: ResolvedStatement, packet: Packet) -> bool:
    for source in statement.sources:
        single = len(topology.nodes[source].interfaces) == 1
        if not (single and packet.source in own(topology, source) and is_of(statement, packet)):
            continue
        for destination in statement.destinations:
            if destination == source or packet.destination not in own(topology, destination):
                continue
            walked = trace(topology, packet, source)
            if walked.end is not End.DELIVERED:
                return True
            answer = Packet(packet.destination, packet.source, packet.protocol, packet.port)
            if packet.protocol in (Protocol.TCP, Protocol.UDP):
                answer = replace(answer, port=EPHEMERAL[0])
            elif packet.protocol is Protocol.ICMP and packet.port == 8:
                answer = replace(answer, port=0)
            elif not isinstance(packet.protocol, int):
                continue
            seen = frozenset(walked.nodes[1:])
            if trace(topology, answer, destination, answers_to=seen).end is not End.DELIVERED:
                return True
    return False


def _misrouted(topology: ResolvedTopology, statement: ResolvedStatement, packet: Packet) -> bool:
    if not any(packet.destination in own(topology, name) for name in statement.destinations):
        return False
    return any(
        walked.end is End.LOOP
        for source in statement.sources
        for walked in strange(topology, source, packet)
    ) or any(
        trace(topology, packet, source).end is End.NO_ROUTE
        for source in statement.sources
        if packet.source in own(topology, source)
        and packet.destination not in own(topology, source)
        and len(topology.nodes[source].interfaces) == 1
    )


@bounded
@given(stated())
def test_what_is_proved_no_packet_breaks_and_what_is_broken_one_does(
    document: dict[str, Any],
) -> None:
    topology = resolved(document)
    prover = Prover(Network(topology))
    for statement in topology.statements.values():
        verdict = prover.verdict(statement)
        if verdict.holds:
            assert not broken_by(topology, statement), statement
        else:
            check_counterexample(topology, statement, prover)


def check_counterexample(
    topology: ResolvedTopology, statement: ResolvedStatement, prover: Prover
) -> None:
    broken = prover.verdict(statement).broken
    assert broken is not None
    assert broken.source != broken.destination
    assert broken.source in statement.sources
    walked = broken.trace
    if walked is None:
        assert broken.kind is Break.NO_FAMILY
        return
    match statement.kind:
        case StatementKind.REACH:
            assert walked.end is not End.DELIVERED
            question = broken.question or walked
            assert question.packet.source in own(topology, broken.source)
            assert is_of(statement, question.packet)
        case StatementKind.NEVER:
            assert walked.end in (End.LOOP, End.NO_ROUTE, End.NO_NEIGHBOUR)
            assert set(statement.faults) == {RoutingFault.LOOPS, RoutingFault.BLACK_HOLES}
        case _ if broken.question is not None:
            assert walked.end is End.DELIVERED
            assert is_of(statement, walked.packet)
        case _:
            assert walked.end is End.DELIVERED
            assert walked.last.node == broken.destination
            assert broken.destination in statement.destinations
            assert _is_breach(topology, statement, broken.source, walked)


@pytest.mark.parametrize(
    "file", ["poc.yaml", "examples/managed.yaml", "examples/open.yaml", "examples/two-dmz.yaml"]
)
def test_what_we_ship_is_proved(file: str) -> None:
    proof = prove(Network(require_file(PROJECT / file)))
    assert proof.holds, [verdict.summary for verdict in proof.broken]
    assert proof.verdicts
