"""The graph: islands are its components, walks follow the longest prefix."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Any

import networkx as nx
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.golden import PROJECT
from topology.graph import Ending, Routing, attachment_graph, islands
from topology.model import Topology
from topology.pipeline import require_file
from topology.resolve import resolve


@st.composite
def scattered(draw: st.DrawFn) -> dict[str, Any]:
    """Networks that are mostly not connected."""
    segments = {f"s{i}": {"prefixes": [f"10.{i}.0.0/24"]} for i in range(draw(st.integers(1, 6)))}
    nodes = {
        f"n{i}": {
            "kind": draw(st.sampled_from(["router", "web", "external"])),
            "interfaces": draw(
                st.lists(st.sampled_from(sorted(segments)), min_size=1, max_size=3, unique=True)
            ),
        }
        for i in range(draw(st.integers(1, 8)))
    }
    return {"version": 1, "name": "scattered", "segments": segments, "nodes": nodes}


@given(scattered())
@settings(deadline=None)
def test_islands_are_the_graph_s_components(document: dict[str, Any]) -> None:
    topology, _ = resolve(Topology.model_validate(document), Path())
    assert topology is not None
    graph = attachment_graph(topology)
    assert all(a[0] == "node" and b[0] == "segment" for a, b in graph.edges)
    components = {
        frozenset(name for kind, name in part if kind == "node")
        for part in nx.weakly_connected_components(graph)
    } - {frozenset()}
    assert set(islands(topology)) == components


def test_walks() -> None:
    routing = Routing(require_file(PROJECT / "poc.yaml"))
    walk = routing.walk("client", ip_address("203.0.113.80"))
    assert walk.nodes == ("client", "firewall", "router", "web")
    assert walk.ending is Ending.DELIVERED
    assert routing.walk("web", ip_address("2001:db8:1::100")).ending is Ending.DELIVERED
    assert routing.walk("client", ip_address("203.0.113.99")).ending is Ending.NO_ROUTE
    assert routing.walk("web", ip_address("8.8.8.8")).nodes == ("web", "router", "firewall")
    assert routing.walk("web", ip_address("203.0.113.80")).nodes == ("web",)
