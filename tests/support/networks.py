"""Random networks with filters and odd routes, and the packets at the edges of what they say."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, ip_address, ip_network
from itertools import product
from typing import Any

from hypothesis import strategies as st

from topology.reach.space import Packet
from topology.resolve.types import (
    Address,
    Endpoint,
    Match,
    Protocol,
    ResolvedPolicy,
    ResolvedRule,
    ResolvedTopology,
    RuleAction,
)

SERVICES = (
    "any",
    "icmp",
    "icmp/echo-request",
    "icmpv6/echo-reply",
    "tcp",
    "tcp/22-80",
    "tcp/80",
    "tcp/80-443",
    "udp/53",
)


@st.composite
def networks(draw: st.DrawFn) -> dict[str, Any]:
    """Documents of small networks: segments joined by routers and firewalls, maybe in a circle.

    Routes are derived, left out or lead anywhere that a next hop is: loops and black holes come up.
    """
    count = draw(st.integers(2, 4))
    segments: dict[str, Any] = {
        f"s{i}": {
            "zone": f"z{draw(st.integers(0, 2))}",
            "prefixes": [f"10.{i}.0.0/24", *([f"2001:db8:{i}::/64"] if i != 1 else [])],
        }
        for i in range(count)
    }
    nodes: dict[str, Any] = {}
    policies: dict[str, Any] = {}
    for index in range(draw(st.integers(1, 4))):
        on = draw(st.lists(st.sampled_from(sorted(segments)), min_size=1, max_size=3, unique=True))
        nodes[f"f{index}"] = {"kind": "router", "interfaces": on}
    for index, segment in enumerate(segments):
        nodes[f"w{index}"] = {"kind": "web", "interfaces": [segment]}
    names = [*nodes, *segments]
    selectors = st.lists(st.sampled_from(["any", *names]), min_size=1, max_size=2, unique=True)
    zones = sorted({segment["zone"] for segment in segments.values()})
    for name, node in nodes.items():
        if name.startswith("f") and draw(st.booleans()):
            policies[f"p-{name}"] = {
                "default": draw(st.sampled_from(["deny", "permit"])),
                "stateful": draw(st.booleans()),
                "rules": [
                    {
                        "name": f"r{i}",
                        draw(st.sampled_from(["permit", "deny"])): draw(
                            st.lists(st.sampled_from(SERVICES), min_size=1, max_size=2, unique=True)
                        ),
                        "from": draw(selectors),
                        "to": draw(st.one_of(selectors, st.just([zones[0]]))),
                    }
                    for i in range(draw(st.integers(0, 4)))
                ],
            }
            node |= {"kind": "firewall", "policy": f"p-{name}"}
    for name, node in nodes.items():
        beside = sorted(
            other
            for other in nodes
            if other != name
            and other.startswith("f")
            and set(nodes[other]["interfaces"]) & set(node["interfaces"])
        )
        if name.startswith("f") and draw(st.booleans()):
            node["reverse_path"] = "off"
        if not beside:
            continue
        if draw(st.booleans()):
            targets = ["default", "10.0.0.0/14", *(set(segments) - set(node["interfaces"]))]
            chosen = draw(st.lists(st.sampled_from(sorted(targets)), max_size=3, unique=True))
            node["routes"] = {target: draw(st.sampled_from(beside)) for target in chosen}
    return {
        "version": 1,
        "name": "drawn",
        "segments": segments,
        "nodes": nodes,
        "policies": policies,
    }


_PREFIXES = (
    "10.0.0.0/8",
    "10.0.0.0/24",
    "10.0.0.1/32",
    "10.0.1.0/25",
    "0.0.0.0/0",
    "2001:db8::/32",
)
_PORTS = ((80, 80), (22, 80), (0, 65535), (81, 443), (65535, 65535))


@st.composite
def policies(draw: st.DrawFn) -> ResolvedPolicy:
    """Policies over few prefixes and ports, so that rules overlap."""
    endpoint = st.one_of(
        st.sampled_from(_PREFIXES).map(lambda text: Endpoint(prefix=ip_network(text))),
        st.sampled_from(["in", "out"]).map(lambda name: Endpoint(interface=name)),
    )
    endpoints = st.lists(endpoint, max_size=2).map(tuple)
    ported = st.builds(
        Match,
        st.sampled_from([Protocol.TCP, Protocol.UDP]),
        ports=st.lists(st.sampled_from(_PORTS), max_size=2).map(tuple),
    )
    typed = st.builds(
        Match,
        st.sampled_from([Protocol.ICMP, Protocol.ICMPV6]),
        types=st.lists(st.sampled_from([0, 8, 128, 255]), max_size=2).map(tuple),
    )
    rule = st.builds(
        ResolvedRule,
        st.just("rule"),
        st.sampled_from(RuleAction),
        endpoints,
        endpoints,
        st.lists(st.one_of(ported, typed), max_size=2).map(tuple),
    )
    return ResolvedPolicy(
        "drawn",
        draw(st.sampled_from(RuleAction)),
        True,
        tuple(draw(st.lists(rule, max_size=6))),
    )


def edges(policy: ResolvedPolicy) -> Iterator[Packet]:
    """Packets whose addresses and ports lie at, and one beyond, every edge of a policy."""
    sides = [e.prefix for r in policy.rules for e in (*r.sources, *r.destinations) if e.prefix]
    points = {ip_address("10.0.0.9"), ip_address("2001:db8::9"), ip_address("192.0.2.1")}
    for prefix in sides:
        for number, step in ((prefix.network_address, -1), (prefix.broadcast_address, 1)):
            points.add(number)
            moved = int(number) + step
            if 0 <= moved < 1 << prefix.max_prefixlen:
                points.add(type(number)(moved))
    addresses = sorted(filter(_is_host, points), key=lambda a: (a.version, int(a)))
    services = list(_services(policy))
    for source, destination in product(addresses, addresses):
        if source.version != destination.version:
            continue
        for protocol, port in services:
            if protocol is not (Protocol.ICMPV6 if source.version == 4 else Protocol.ICMP):
                yield Packet(source, destination, protocol, port)


def _services(policy: ResolvedPolicy) -> set[tuple[Protocol | int, int | None]]:
    found: set[tuple[Protocol | int, int | None]] = {(47, None)}
    for protocol in Protocol:
        top = 65535 if protocol in (Protocol.TCP, Protocol.UDP) else 255
        found.add((protocol, 1))
        for match in (m for r in policy.rules for m in r.matches if m.protocol is protocol):
            ranges = (*match.ports, *((kind, kind) for kind in match.types))
            for low, high in ranges:
                found |= {(protocol, p) for p in (low - 1, low, high, high + 1) if 0 <= p <= top}
    return found


def _is_host(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return 0 < int(address) >> 24 < 224 and int(address) >> 24 != 127
    return int(address) >> 96 == 0x20010DB8


def packets(topology: ResolvedTopology) -> Iterator[Packet]:
    """A few services between all addresses of a topology, and some that nobody has."""
    addresses = [a.ip for n in topology.nodes.values() for i in n.interfaces for a in i.addresses]
    addresses += [ip_address("10.0.0.200"), ip_address("192.0.2.7"), ip_address("2001:db8:9::9")]
    services: tuple[tuple[Protocol | int, int | None], ...] = (
        (Protocol.TCP, 80),
        (Protocol.TCP, 443),
        (Protocol.UDP, 53),
        (50, None),
    )
    for source, destination in product(addresses, addresses):
        if source.version != destination.version or source == destination:
            continue
        echo = Protocol.ICMP if source.version == 4 else Protocol.ICMPV6
        kind = 8 if source.version == 4 else 129
        for protocol, port in (*services, (echo, kind)):
            yield Packet(source, destination, protocol, port)
