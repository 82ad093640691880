"""Topologies made in code, for tests and properties."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

from hypothesis import strategies as st

from topology.model import Topology

__all__ = ["names", "small", "topologies"]

names = st.from_regex(r"[a-z][a-z0-9]{0,6}", fullmatch=True).filter(
    lambda name: name not in {"any", "default"}
)


def small(**changes: Any) -> Topology:
    """A client, a router and a web server; `changes` replace top-level keys."""
    document: dict[str, Any] = {
        "version": 1,
        "name": "small",
        "segments": {
            "outer": {"zone": "outside", "prefixes": ["192.0.2.0/24", "2001:db8:1::/64"]},
            "inner": {"zone": "dmz", "prefixes": ["203.0.113.0/24", "2001:db8:2::/64"]},
        },
        "nodes": {
            "client": {"kind": "external", "interfaces": ["outer"]},
            "gate": {"kind": "router", "interfaces": ["outer", "inner"]},
            "web": {"kind": "web", "interfaces": ["inner"]},
        },
    }
    return Topology.model_validate(document | changes)


@st.composite
def topologies(draw: st.DrawFn) -> dict[str, Any]:
    """Documents of connected networks: a tree of segments, a router at each joint, web nodes."""
    count = draw(st.integers(1, 5))
    segments: dict[str, Any] = {}
    nodes: dict[str, Any] = {}
    for index in range(count):
        length = draw(st.integers(24, 28))
        prefixes = [str(ip_network(f"10.{index}.0.0/{length}"))]
        if draw(st.booleans()):
            prefixes.append(f"2001:db8:{index:x}::/64")
        segments[f"s{index}"] = {"prefixes": prefixes}
        if index:
            above = draw(st.integers(0, index - 1))
            nodes[f"r{index}"] = {"kind": "router", "interfaces": [f"s{above}", f"s{index}"]}
    for name in draw(st.lists(names, max_size=6, unique=True)):
        nodes[f"w-{name}"] = {
            "kind": "web",
            "interfaces": [f"s{draw(st.integers(0, count - 1))}"],
        }
    nodes.setdefault("client", {"kind": "external", "interfaces": ["s0"]})
    return {"version": 1, "name": "drawn", "segments": segments, "nodes": nodes}
