"""The nftables ruleset of a policy: golden files, and what must hold of any."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.golden import PROJECT, TESTS, check_golden
from tests.support.policies import CASES, firewall
from topology.pipeline import require_file
from topology.render.nftables import interface_names, nftables
from topology.render.nftables_lines import address_range, merge
from topology.resolve.types import (
    Endpoint,
    Match,
    Protocol,
    ResolvedRule,
    ReversePath,
    RuleAction,
)

GOLDEN = TESTS / "golden" / "nftables"


def test_the_firewall_of_the_proof_of_concept() -> None:
    topology = require_file(PROJECT / "poc.yaml")
    check_golden(GOLDEN / "poc" / "firewall.nft", nftables(topology.nodes["firewall"]))


@pytest.mark.parametrize("case", sorted(CASES))
def test_golden_every_shape_of_a_rule(case: str) -> None:
    check_golden(GOLDEN / f"{case}.nft", nftables(CASES[case]))


def test_a_node_without_a_policy_has_no_ruleset() -> None:
    with pytest.raises(ValueError, match="drops nothing"):
        nftables(replace(firewall(), policy=None, reverse_path=ReversePath.OFF))


def test_names_that_linux_cannot_have_are_numbered() -> None:
    assert interface_names(firewall()) == {"inside": "inside", "outside": "outside"}
    long = firewall(segments=("outside", "a-segment-with-a-long-name"))
    assert interface_names(long) == {"a-segment-with-a-long-name": "port0", "outside": "port1"}


def test_a_rule_that_no_packet_can_match_is_left_out() -> None:
    endpoint = Endpoint(prefix=ip_network("2001:db8::/32"))
    match = Match(Protocol.ICMP, types=(8,))
    rule = ResolvedRule("never", RuleAction.PERMIT, (endpoint,), (), (match,))
    assert "never" not in nftables(firewall(rule))


_NUMBERS = st.integers(min_value=0, max_value=300)
_RANGES = st.lists(st.tuples(_NUMBERS, _NUMBERS).map(lambda ends: (min(ends), max(ends))))


@given(_RANGES)
def test_merged_ranges_hold_the_same_numbers_apart_from_each_other(
    ranges: list[tuple[int, int]],
) -> None:
    merged = merge(ranges)
    covered = {one for low, high in ranges for one in range(low, high + 1)}
    assert covered == {one for low, high in merged for one in range(low, high + 1)}
    assert all(left[1] + 1 < right[0] for left, right in pairwise(merged))


@given(st.ip_addresses(v=4), st.integers(min_value=0, max_value=32))
def test_a_prefix_is_written_as_one(address: object, length: int) -> None:
    network = ip_network(f"{address}/{length}", strict=False)
    ends = (int(network.network_address), int(network.broadcast_address))
    written = address_range(4, ends)
    assert written == (str(network.network_address) if length == 32 else str(network))
