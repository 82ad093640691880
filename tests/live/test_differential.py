"""Both dataplanes on the same packets: the Rust forwarder with its filter, and Linux with nftables.

Conversations and mutated bytes go through both, as the same node with the same policy; what leaves
must be the same, byte for byte. A difference passes only under a name of
`tests.support.differences`, where its reason stands.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from types import MappingProxyType

import pytest

from tests.support.dataplanes import Dataplanes, build_oracle, identity_of
from tests.support.differences import explained
from tests.support.golden import PROJECT
from tests.support.marks import LIVE_AS_ROOT
from tests.support.policies import many
from tests.support.traffic import Traffic
from topology.pipeline import require_file
from topology.resolve.types import (
    Address,
    Endpoint,
    Match,
    Protocol,
    ResolvedNode,
    ResolvedPolicy,
    ResolvedRule,
    RuleAction,
)

pytestmark = LIVE_AS_ROOT

ROUND = 4_000
"""Packets through one pair of fresh nodes: their tables neither fill nor age."""
ROUNDS = 4
PORTS = (52, 53, 54, 79, 80, 81)
"""At the edges of what the rules name."""


def _hosts(*texts: str) -> tuple[Address, ...]:
    return tuple(ip_address(text) for text in texts)


HOSTS = (
    _hosts("192.0.2.100", "192.0.2.101", "2001:db8:1::100"),
    _hosts("203.0.113.80", "203.0.113.53", "198.51.100.2", "2001:db8:3::80", "2001:db8:3::53"),
)


def _rule(
    name: str, *matches: Match, permit: bool = True, source: str | None = None
) -> ResolvedRule:
    action = RuleAction.PERMIT if permit else RuleAction.DENY
    sources = () if source is None else (Endpoint(interface=source),)
    return ResolvedRule(name, action, sources, (), matches, False)


OPEN = (
    _rule("one-port", Match(Protocol.TCP, ports=((79, 79),)), permit=False),
    _rule("tcp", Match(Protocol.TCP)),
    _rule("udp", Match(Protocol.UDP, ports=((0, 52), (54, 65535)))),
    _rule("udp-in", Match(Protocol.UDP), source="external"),
    # From inside only what was asked for, or is about a flow.
    _rule("icmp", Match(Protocol.ICMP), Match(Protocol.ICMPV6), source="external"),
    _rule("rest", source="external"),
)

MANY = (
    _rule("icmp", Match(Protocol.ICMP), Match(Protocol.ICMPV6)),
    *many([str(one) for each in HOSTS for one in each], PORTS, 300, seed=4),
    _rule("from-outside", source="external"),
)
"""More than nftables gets as a list: it has them as a tree."""


def nodes() -> Mapping[str, ResolvedNode]:
    """The firewall of the proof of concept, and two whose rules let more through."""
    firewall = require_file(PROJECT / "poc.yaml").nodes["firewall"]
    return MappingProxyType(
        {
            "poc": firewall,
            "many": replace(firewall, policy=ResolvedPolicy("many", RuleAction.DENY, True, MANY)),
            "open": replace(firewall, policy=ResolvedPolicy("open", RuleAction.DENY, True, OPEN)),
            "stateless": replace(
                firewall, policy=ResolvedPolicy("open", RuleAction.DENY, False, OPEN)
            ),
        }
    )


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_oracle(tmp_path_factory.mktemp("oracle"))


def run(dataplanes: Dataplanes, seed: int) -> tuple[int, Counter[str], list[str]]:
    """One round: what both forwarded, what differed under a name, and what else did."""
    world = dataplanes.world(PORTS)
    frames = list(Traffic(world, seed).frames(ROUND))
    same, differences = dataplanes.compare(frames)
    named, stories = explained(frames, differences, world.macs)
    return same, named, [f"seed {seed}: {story}" for story in stories]


@pytest.mark.parametrize("name", sorted(nodes()))
def test_both_dataplanes_forward_the_same(name: str, oracle: Path, tmp_path: Path) -> None:
    dataplanes = Dataplanes(nodes()[name], HOSTS, oracle, tmp_path)
    same, named, stories = 0, Counter[str](), list[str]()
    for seed in range(ROUNDS):
        alike, known, told = run(dataplanes, seed)
        same, named, stories = same + alike, named + known, stories + told
    counts = f"{name}: of {ROUNDS * ROUND} packets {same} forwarded alike; {dict(named)}"
    assert not stories, f"{len(stories)} differences without a name:\n" + "\n".join(stories[:10])
    assert same > ROUNDS * {"poc": 20, "many": ROUND // 3}.get(name, ROUND // 2), counts
    # Names are for the odd packet, not for many.
    assert named.total() < same / 5, counts


@pytest.mark.parametrize("stateful", [True, False], ids=["stateful", "stateless"])
def test_the_kernel_decides_by_a_tree_as_by_a_list(
    stateful: bool, oracle: Path, tmp_path: Path
) -> None:
    policy = ResolvedPolicy("many", RuleAction.DENY, stateful, MANY[1:])
    dataplanes = Dataplanes(replace(nodes()["poc"], policy=policy), HOSTS, oracle, tmp_path)
    frames = list(Traffic(dataplanes.world(PORTS), 1).frames(ROUND))
    by_tree, by_list = (
        [
            Counter((port, identity_of(one)) for port, one in batch if dataplanes.is_forwarded(one))
            for batch in dataplanes.through_linux(frames, as_list=as_list)
        ]
        for as_list in (False, True)
    )
    assert by_tree == by_list
    assert sum(batch.total() for batch in by_tree) > ROUND // 4


@pytest.mark.full
def test_a_million_packets(oracle: Path, tmp_path: Path) -> None:
    cases = sorted(nodes())
    total, found = Counter[str](), Counter[str]()
    stories: list[str] = []
    for seed in range(2, 252):
        name = cases[seed % len(cases)]
        dataplanes = Dataplanes(nodes()[name], HOSTS, oracle, tmp_path)
        same, named, told = run(dataplanes, seed)
        total[name] += same
        found += named
        stories += [f"{name}, {one}" for one in told]
    counts = f"{250 * ROUND} packets, {dict(total)} forwarded alike; {dict(found)}"
    report = f"{len(stories)} without a name, {counts}:\n" + "\n".join(stories[:10])
    sys.stderr.write(report + "\n")
    assert not stories, report
    assert total.total() > 100 * ROUND, counts
