"""What holds for whatever is edited: nothing from nothing, and sets that agree with packets."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from tests.support.edits import today
from tests.support.grammar import Document, base_document, edited, edits, side_of
from topology.diff.affected import Affected
from topology.diff.flows import flow_pieces
from topology.diff.renames import Renames, find_renames
from topology.diff.renumber import former_packet, renumbered
from topology.diff.scope import Scope
from topology.diff.sharing import sharing
from topology.diff.statements import statement_changes
from topology.diff.types import Action, FlowChange, Verdict
from topology.diff.view import View
from topology.reach.network import Network
from topology.reach.space import Packet, address_point
from topology.reach.statements import Prover, prove
from topology.reach.trace import End, trace
from topology.resolve.types import Protocol, ResolvedTopology
from topology.sides.compare import Choices, compare

BASE = base_document()
WIDE = {
    **BASE,
    "statements": {
        **BASE["statements"],
        "sound": {"never": ["loops", "black-holes"], "from": "any", "to": "any"},
        "no-loops": {"never": ["loops"], "from": "outside", "to": "any"},
    },
}
"""The same with statements about how routes fail."""

SERVICES = (
    (Protocol.TCP, 80),
    (Protocol.TCP, 443),
    (Protocol.UDP, 53),
    (Protocol.UDP, 123),
    (Protocol.ICMP, 8),
    (Protocol.ICMPV6, 128),
)
few = settings(
    max_examples=60, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow]
)
changes = st.lists(edits, min_size=1, max_size=3)


def packets(topology: ResolvedTopology, other: ResolvedTopology) -> Iterator[tuple[str, Packet]]:
    """Boundary packets from every end node to every address of either side."""
    far = sorted(
        {
            address.ip
            for side in (topology, other)
            for node in side.nodes.values()
            for interface in node.interfaces
            for address in interface.addresses
        },
        key=address_point,
    )
    for name, node in topology.nodes.items():
        if node.kind.forwards:
            continue
        own = [a.ip for i in node.interfaces for a in i.addresses]
        for near, there, (protocol, port) in product(own, far, SERVICES):
            version = 6 if protocol is Protocol.ICMPV6 else 4 if protocol is Protocol.ICMP else 0
            if near.version == there.version and version in (0, near.version) and there not in own:
                yield name, Packet(near, there, protocol, port)


def opens(topology: ResolvedTopology, packet: Packet) -> bool:
    """Whether whoever has the packet's source there gets it delivered; a flow is its header."""
    for name, node in topology.nodes.items():
        if packet.source in {a.ip for i in node.interfaces for a in i.addresses}:
            return trace(topology, packet, name).end is End.DELIVERED
    return False


def views(base: Document, drawn: list[object]) -> tuple[View, View]:
    """A topology before and after edits; those that do not fit it are not drawn."""
    document = edited(base, drawn)  # type: ignore[arg-type]
    assume(document is not None)
    assert document is not None
    old, new = side_of(base, "old").view, side_of(document, "new").view
    assert old is not None
    assert new is not None
    return old, new


def resolved(view: View | None) -> ResolvedTopology:
    assert view is not None
    assert view.resolved is not None
    return view.resolved


@few
@given(changes)
def test_a_topology_does_not_differ_from_itself(drawn: list[object]) -> None:
    document = edited(BASE, drawn)  # type: ignore[arg-type]
    assume(document is not None)
    assert document is not None
    one, other = side_of(document, "old"), side_of(document, "new")
    diff = compare(one, other, Choices(), today)
    assert not diff.differs
    assert not diff.structure
    assert diff.flows == ()
    reordered = {**document, "nodes": dict(reversed(document["nodes"].items()))}
    assert not compare(one, side_of(reordered, "new"), Choices(), today).differs


@few
@given(changes)
def test_flows_agree_with_packets_that_walk_through_both_sides(drawn: list[object]) -> None:
    old, new = views(BASE, drawn)
    before, after = resolved(old), resolved(new)
    renames = find_renames(old, new)
    networks = (Network(before), Network(after))
    pieces = list(flow_pieces(old, new, renames, networks, Scope.of(*networks, renames)))
    points = renumbered(before, after, renames)
    left = points.keys() - set(points.values())
    for name, packet in packets(after, before):
        if address_point(packet.destination) in left:
            continue  # the number of a node that has another now
        told = {piece.change for piece in pieces if packet in piece.flows}
        now = opens(after, packet)
        was = opens(before, former_packet(packet, points))
        expected = {FlowChange.OPENED} if now and not was else set()
        if was and not now:
            expected = {FlowChange.CLOSED}
        assert told - {FlowChange.REROUTED} == expected, (name, str(packet), told)


@few
@given(changes)
def test_what_is_out_of_scope_has_one_fate(drawn: list[object]) -> None:
    old, new = views(BASE, drawn)
    before, after = resolved(old), resolved(new)
    renames = find_renames(old, new)
    networks = (Network(before), Network(after))
    possible = Scope.of(*networks, renames).honest
    for name, packet in packets(after, before):
        if packet not in possible:
            was = opens(before, packet)
            assert opens(after, packet) == was, (name, str(packet))


@few
@given(changes)
def test_verdicts_that_are_not_proved_twice_are_right(drawn: list[object]) -> None:
    old, new = views(BASE, drawn)
    renames = find_renames(old, new)
    networks = (Network(resolved(old)), Network(resolved(new)))
    scope = Scope.of(*networks, renames)
    told = {one.name: one for one in statement_changes(old, new, renames, networks, scope)}
    before, after = (prove(Network(resolved(view))) for view in (old, new))
    for name, verdict in after.verdicts.items():
        assert (told[name].new is Verdict.HOLDS) == verdict.holds
    for name, verdict in before.verdicts.items():
        assert (told[renames.statements.get(name, name)].old is Verdict.HOLDS) == verdict.holds


@few
@given(changes)
def test_what_differs_decides_alone_where_a_statement_held(drawn: list[object]) -> None:
    old, new = views(WIDE, drawn)
    renames = find_renames(old, new)
    before, after = Network(resolved(old)), Network(resolved(new))
    scope = Scope.of(before, after, renames)
    affected = Affected(before, after, renames, scope)
    held, limited, whole = Prover(before), Prover(after, limit=scope.sent_by), Prover(after)
    for name, statement in after.topology.statements.items():
        was = before.topology.statements.get(name)
        if was is not None and affected.within_scope(was, statement) and held.verdict(was).holds:
            event("asked of what differs alone")
            assert limited.verdict(statement).holds == whole.verdict(statement).holds


@few
@given(changes)
def test_sharing_what_is_equal_changes_nothing(drawn: list[object]) -> None:
    document = edited(BASE, drawn)  # type: ignore[arg-type]
    assume(document is not None)
    assert document is not None
    old, new = (resolved(side_of(one, "x").view) for one in (BASE, document))
    shared = sharing(new, old)
    assert shared == new
    assert all((old.nodes.get(n) is o) == (old.nodes.get(n) == o) for n, o in shared.nodes.items())


@few
@given(changes)
def test_there_and_back_again_is_the_opposite(drawn: list[object]) -> None:
    document = edited(BASE, drawn)  # type: ignore[arg-type]
    assume(document is not None)
    assert document is not None
    one, other = side_of(BASE, "a"), side_of(document, "b")
    there = compare(one, other, Choices(), today)
    back = compare(other, one, Choices(), today)
    assert there.differs == back.differs
    for mine, theirs in zip(there.deployments, back.deployments, strict=True):
        assert mine.names(Action.CREATE) == theirs.names(Action.DESTROY)
        assert mine.names(Action.REPLACE) == theirs.names(Action.REPLACE)
        assert mine.names(Action.KEEP) == theirs.names(Action.KEEP)


def test_no_rename_is_seen_where_nothing_is_gone() -> None:
    side = side_of(BASE, "a")
    assert side.view is not None
    assert find_renames(side.view, side.view) == Renames()


@pytest.mark.parametrize("form", ["text", "markdown", "html", "json"])
def test_the_same_sides_give_the_same_bytes(form: str) -> None:
    from topology.cli.diff import Format
    from topology.cli.views.diff import diff_in

    document = {**BASE, "name": "other"}
    texts = set()
    for _ in range(2):
        old, new = side_of(BASE, "old"), side_of(document, "new")
        diff = compare(old, new, Choices(), today)
        texts.add(diff_in(diff, Format(form), (old.view, new.view)))
    assert len(texts) == 1
