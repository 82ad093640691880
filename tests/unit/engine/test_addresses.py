"""Derived addresses and MACs: unique, inside, and moved by nothing else."""

from __future__ import annotations

import random
from ipaddress import ip_address, ip_network
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.topologies import names, small, topologies
from topology.model import Topology
from topology.resolve.addresses import assign_addresses, assign_macs, derive_address
from topology.resolve.types import Address, Prefix

prefixes = st.one_of(
    st.builds(
        lambda a, n: ip_network((a, n), strict=False), st.integers(0, 2**32 - 1), st.integers(8, 31)
    ),
    st.builds(
        lambda a, n: ip_network((a, n), strict=False),
        st.integers(0, 2**128 - 1).map(ip_address).filter(lambda a: a.version == 6),
        st.integers(32, 127),
    ),
)


def is_host(address: Address, prefix: Prefix) -> bool:
    if prefix.prefixlen == prefix.max_prefixlen - 1:
        return address in prefix
    last = prefix.broadcast_address if prefix.version == 4 else None
    return address in prefix and address not in (prefix.network_address, last)


@given(prefixes, st.lists(names, unique=True, max_size=40), st.booleans())
@settings(deadline=None)
def test_derived_addresses_are_distinct_hosts(
    prefix: Prefix, nodes: list[str], gateway: bool
) -> None:
    taken: set[Address] = set()
    for node in nodes:
        address = derive_address(prefix, node, "segment", gateway, taken)
        if address is None:
            assert len(taken) == (
                2
                if prefix.prefixlen == prefix.max_prefixlen - 1
                else prefix.num_addresses - (2 if prefix.version == 4 else 1)
            )
            break
        assert address not in taken
        assert is_host(address, prefix)
        taken.add(address)


@given(st.sets(st.integers(1, 254), max_size=253))
def test_the_last_free_address_is_found(numbers: set[int]) -> None:
    prefix = ip_network("192.0.2.0/24")
    taken: set[Address] = {prefix[number] for number in numbers}
    address = derive_address(prefix, "web", "inner", False, taken)
    assert address is not None
    assert address not in taken
    assert is_host(address, prefix)


def test_forwarders_have_low_addresses() -> None:
    found, _ = assign_addresses(small())
    assert all(int(found["gate", s][0].ip) & 0xFF <= 15 for s in ("outer", "inner"))
    assert int(found["web", "inner"][0].ip) & 0xFF > 15


def test_renumbering_a_segment_keeps_host_numbers() -> None:
    before, _ = assign_addresses(small())
    segments = {
        "outer": {"prefixes": ["192.0.2.0/24"]},
        "inner": {"prefixes": ["198.51.100.0/24"]},
    }
    after, _ = assign_addresses(small(segments=segments))
    assert int(before["web", "inner"][0].ip) & 0xFF == int(after["web", "inner"][0].ip) & 0xFF


@given(topologies(), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_order_of_the_file_means_nothing(document: dict[str, Any], rng: random.Random) -> None:
    first = Topology.model_validate(document)
    second = Topology.model_validate(shuffled(document, rng))
    assert assign_addresses(first) == assign_addresses(second)
    assert assign_macs(first) == assign_macs(second)


@given(topologies(), names)
@settings(deadline=None)
def test_a_new_node_leaves_others_where_they_are(document: dict[str, Any], name: str) -> None:
    """It moves another only where their hashes meet, and then only one that sorts after it."""
    new = f"w-{name}"
    if new in document["nodes"]:
        return
    before, full = assign_addresses(Topology.model_validate(document))
    nodes = {**document["nodes"], new: {"kind": "web", "interfaces": ["s0"]}}
    after, _ = assign_addresses(Topology.model_validate({**document, "nodes": nodes}))
    if full:
        return
    moved = {key for key in before if before[key] != after[key]}
    assert all(segment == "s0" and node > new for node, segment in moved)
    assert len(moved) <= 1 or moved <= {key for key in before if key[1] == "s0"}


@given(topologies())
@settings(deadline=None)
def test_macs_are_local_unicast_and_distinct(document: dict[str, Any]) -> None:
    macs = list(assign_macs(Topology.model_validate(document)).values())
    assert len(set(macs)) == len(macs)
    assert all(mac.startswith("02:") and len(mac) == 17 for mac in macs)


def test_a_declared_mac_is_kept_and_not_derived_again() -> None:
    derived = assign_macs(small())["web", "inner"]
    nodes: dict[str, Any] = {
        "client": {"kind": "external", "interfaces": {"outer": {"mac": derived.upper()}}},
        "gate": {"kind": "router", "interfaces": ["outer", "inner"]},
        "web": {"kind": "web", "interfaces": ["inner"]},
    }
    macs = assign_macs(small(nodes=nodes))
    assert macs["client", "outer"] == derived
    assert macs["web", "inner"] != derived


def shuffled(value: Any, rng: random.Random) -> Any:
    if not isinstance(value, dict):
        return value
    items = list(value.items())
    rng.shuffle(items)
    return {key: shuffled(item, rng) for key, item in items}
