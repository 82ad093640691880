"""Sets of flows against sets of numbers, and policies against their rules read one by one."""

from __future__ import annotations

from typing import TypeAlias

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.networks import edges, policies
from topology.reach.flows import FlowSet
from topology.reach.policy import permitted
from topology.reach.ranges import Ranges, contains, intersect, normal, subtract, sweep, unite
from topology.reach.space import ADDRESSES, SERVICES, address_at, address_point
from topology.reach.trace import judge
from topology.resolve.types import Match, Protocol, ResolvedPolicy, ResolvedRule, RuleAction

Cells: TypeAlias = frozenset[tuple[int, int, int]]

intervals = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 8)).map(lambda pair: (pair[0], sum(pair))),
    max_size=6,
)


def points(ranges: Ranges) -> set[int]:
    return {value for low, high in ranges for value in range(low, high + 1)}


@given(intervals, intervals)
def test_ranges_are_sets(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    a, b = normal(one), normal(other)
    assert points(intersect(a, b)) == points(a) & points(b)
    assert points(unite(a, b)) == points(a) | points(b)
    assert points(subtract(a, b)) == points(a) - points(b)
    assert {value for value in range(50) if contains(a, value)} == points(a)
    for found in (intersect(a, b), unite(a, b), subtract(a, b)):
        assert found == normal((value, value) for value in points(found))


@given(intervals, intervals)
def test_a_sweep_knows_who_covers_each_value(
    spans: list[tuple[int, int]], domain: list[tuple[int, int]]
) -> None:
    keyed = [(low, high, key) for key, (low, high) in enumerate(spans)]
    swept = sweep(keyed, normal(domain), tuple)
    for value in range(50):
        covering = tuple(key for low, high, key in keyed if low <= value <= high)
        told = [keys for low, high, keys in swept if low <= value <= high]
        assert told == ([covering] if covering and value in points(normal(domain)) else [])


# A small space inside the real one: some addresses of both families and some TCP ports.
_BASE = address_point(address_at(10 << 24))
small = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 3)).map(
        lambda pair: (_BASE + pair[0], _BASE + sum(pair))
    ),
    min_size=1,
    max_size=2,
).map(normal)
ports = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 3)).map(lambda pair: (pair[0], sum(pair))),
    min_size=1,
    max_size=2,
).map(normal)
boxes = st.lists(st.tuples(small, small, ports), max_size=3)


def build(parts: list[tuple[Ranges, Ranges, Ranges]]) -> FlowSet:
    whole = FlowSet()
    for far, near, what in parts:
        whole |= FlowSet.of(far, near, what)
    return whole


def cells(parts: list[tuple[Ranges, Ranges, Ranges]]) -> Cells:
    return frozenset(
        (d, s, p)
        for far, near, what in parts
        for d in points(far)
        for s in points(near)
        for p in points(what)
    )


def held(flows: FlowSet) -> Cells:
    return cells([(box.destinations, box.sources, box.services) for box in flows.boxes()])


@settings(max_examples=60)
@given(boxes, boxes)
def test_flow_sets_are_sets(
    one: list[tuple[Ranges, Ranges, Ranges]], other: list[tuple[Ranges, Ranges, Ranges]]
) -> None:
    a, b, left, right = build(one), build(other), cells(one), cells(other)
    assert held(a) == left
    for found, expected in ((a & b, left & right), (a | b, left | right), (a - b, left - right)):
        assert held(found) == expected
        assert bool(found) == bool(expected)
    assert (a <= b) == (left <= right)
    # Canonical: equal sets are equal values, however they were made.
    assert (a == b) == (left == right)
    assert (a | b) == (b | a)
    assert a - (a - b) == a & b
    if a:
        assert a.packet() in a
        far = a.destinations
        assert a.towards(far) == a
        assert not a.outside(far)
        assert a.only(a.services) == a


@settings(max_examples=30, deadline=None)
@given(policies())
@example(ResolvedPolicy("empty", RuleAction.PERMIT, True, ()))
@example(
    ResolvedPolicy(
        "shadowed",
        RuleAction.DENY,
        True,
        (
            ResolvedRule("a", RuleAction.DENY, (), (), (Match(Protocol.TCP, ports=((1, 9),)),)),
            ResolvedRule("b", RuleAction.PERMIT, (), (), (Match(Protocol.TCP),)),
        ),
    )
)
def test_a_policy_permits_what_its_first_matching_rules_permit(policy: ResolvedPolicy) -> None:
    for egress in ("out", None):
        flows = permitted(policy, "in", egress)
        for packet in edges(policy):
            assert (packet in flows) == judge(policy, packet, "in", egress).permitted, packet


def test_everything_is_everything() -> None:
    everything = FlowSet.everything()
    assert everything.destinations == ADDRESSES
    assert not everything - FlowSet.of(ADDRESSES, ADDRESSES, unite(SERVICES[4], SERVICES[6]))
    assert permitted(ResolvedPolicy("p", RuleAction.PERMIT, True, ()), "a", "b") == everything
