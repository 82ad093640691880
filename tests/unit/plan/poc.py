"""The proof of concept as resolved values, built by hand so that the plan is tested alone."""

from __future__ import annotations

import hashlib
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path

from topology.plan.types import ImageRef, Variant
from topology.resolve.types import (
    DnsRecord,
    DnsZone,
    Endpoint,
    Kind,
    Match,
    Protocol,
    ResolvedInterface,
    ResolvedNode,
    ResolvedPolicy,
    ResolvedRoute,
    ResolvedRule,
    ResolvedSegment,
    ResolvedTopology,
    Resource,
    RuleAction,
)

ROLES = ("dns", "firewall", "firmware", "router", "web")
ZONES = {"external": "outside", "servers": "dmz", "transit": "transit"}


def images(variant: Variant) -> dict[str, ImageRef]:
    """Images that nobody built: a digest and a size each."""
    return {
        role: ImageRef(
            role=role,
            variant=variant,
            digest=hashlib.sha256(f"{variant} {role}".encode()).hexdigest(),
            size=128_000,
            path=Path("/images") / role,
        )
        for role in ROLES
    }


def interface(node: str, segment: str, *addresses: str) -> ResolvedInterface:
    """An interface with a MAC of its own and an MTU of 1500."""
    octets = hashlib.sha256(f"{node} {segment}".encode()).digest()[:5]
    return ResolvedInterface(
        segment=segment,
        zone=ZONES.get(segment, segment),
        mac=":".join(f"{octet:02x}" for octet in (2, *octets)),
        mtu=1500,
        addresses=tuple(ip_interface(one) for one in addresses),
    )


def route(prefix: str, next_hop: str, via: str, segment: str) -> ResolvedRoute:
    """A static route."""
    return ResolvedRoute(
        prefix=ip_network(prefix), next_hop=next_hop, via=ip_address(via), interface=segment
    )


def _default(next_hop: str, segment: str, v4: str, v6: str) -> tuple[ResolvedRoute, ...]:
    return (route("0.0.0.0/0", next_hop, v4, segment), route("::/0", next_hop, v6, segment))


def _policy() -> ResolvedPolicy:
    def prefixes(*values: str) -> tuple[Endpoint, ...]:
        return tuple(Endpoint(prefix=ip_network(one)) for one in values)

    outside = (Endpoint(interface="external"),)
    dns = (Match(Protocol.UDP, ports=((53, 53),)), Match(Protocol.TCP, ports=((53, 53),)))
    echo = (Match(Protocol.ICMP, types=(8, 0)), Match(Protocol.ICMPV6, types=(128, 129)))
    return ResolvedPolicy(
        name="edge",
        default=RuleAction.DENY,
        stateful=True,
        rules=(
            ResolvedRule("no-echo", RuleAction.DENY, (), (), echo, log=True),
            ResolvedRule(
                "web-in",
                RuleAction.PERMIT,
                outside,
                prefixes("203.0.113.80/32", "2001:db8:3::80/128"),
                (Match(Protocol.TCP, ports=((80, 80),)),),
            ),
            ResolvedRule(
                "dns-in",
                RuleAction.PERMIT,
                outside,
                prefixes("203.0.113.53/32", "2001:db8:3::53/128"),
                dns,
            ),
        ),
    )


def _zone(origin: str, *records: tuple[str, str, str]) -> DnsZone:
    return DnsZone(
        origin=origin,
        ttl=300,
        primary="ns1.poc.example",
        mailbox="hostmaster.poc.example",
        serial=1,
        refresh=3600,
        retry=600,
        expire=604800,
        minimum=300,
        records=tuple(
            DnsRecord(name=name, type=type_, ttl=300, data=data) for name, type_, data in records
        ),
    )


def _zones() -> tuple[DnsZone, ...]:
    reverse4 = "113.0.203.in-addr.arpa"
    reverse6 = "0.0.0.0.3.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
    low = "0.0.0.0.0.0.0.0.0.0.0.0.0"
    return (
        _zone(
            reverse6,
            (reverse6, "NS", "ns1.poc.example"),
            (f"0.8.{low}.0.{reverse6}", "PTR", "www.poc.example"),
            (f"3.5.{low}.0.{reverse6}", "PTR", "ns1.poc.example"),
        ),
        _zone(
            reverse4,
            (reverse4, "NS", "ns1.poc.example"),
            (f"80.{reverse4}", "PTR", "www.poc.example"),
            (f"53.{reverse4}", "PTR", "ns1.poc.example"),
        ),
        _zone(
            "poc.example",
            ("poc.example", "NS", "ns1.poc.example"),
            ("ns1.poc.example", "A", "203.0.113.53"),
            ("ns1.poc.example", "AAAA", "2001:db8:3::53"),
            ("www.poc.example", "A", "203.0.113.80"),
            ("www.poc.example", "AAAA", "2001:db8:3::80"),
        ),
    )


def poc() -> ResolvedTopology:
    """The topology of `poc.yaml`."""
    page = b'<!doctype html>\n<html lang="en">\n<title>poc.example</title>\n<h1>It works</h1>\n'
    nodes = (
        ResolvedNode(
            "client",
            Kind.EXTERNAL,
            "local",
            (interface("client", "external", "192.0.2.100/24", "2001:db8:1::100/64"),),
            _default("firewall", "external", "192.0.2.1", "2001:db8:1::1"),
        ),
        ResolvedNode(
            "dns",
            Kind.DNS,
            "local",
            (interface("dns", "servers", "203.0.113.53/24", "2001:db8:3::53/64"),),
            _default("router", "servers", "203.0.113.1", "2001:db8:3::1"),
            zones=_zones(),
        ),
        ResolvedNode(
            "firewall",
            Kind.FIREWALL,
            "local",
            (
                interface("firewall", "external", "192.0.2.1/24", "2001:db8:1::1/64"),
                interface("firewall", "transit", "198.51.100.1/24", "2001:db8:2::1/64"),
            ),
            (
                route("203.0.113.0/24", "router", "198.51.100.2", "transit"),
                route("2001:db8:3::/64", "router", "2001:db8:2::2", "transit"),
            ),
            policy=_policy(),
        ),
        ResolvedNode(
            "router",
            Kind.ROUTER,
            "local",
            (
                interface("router", "servers", "203.0.113.1/24", "2001:db8:3::1/64"),
                interface("router", "transit", "198.51.100.2/24", "2001:db8:2::2/64"),
            ),
            _default("firewall", "transit", "198.51.100.1", "2001:db8:2::1"),
        ),
        ResolvedNode(
            "web",
            Kind.WEB,
            "local",
            (interface("web", "servers", "203.0.113.80/24", "2001:db8:3::80/64"),),
            _default("router", "servers", "203.0.113.1", "2001:db8:3::1"),
            resources=(
                Resource("/", "text/html; charset=utf-8", page),
                Resource("/api/node", "application/json", b'{"node":"web","topology":"poc"}'),
            ),
        ),
    )
    prefixes = {
        "external": ("192.0.2.0/24", "2001:db8:1::/64"),
        "servers": ("203.0.113.0/24", "2001:db8:3::/64"),
        "transit": ("198.51.100.0/24", "2001:db8:2::/64"),
    }
    return ResolvedTopology(
        name="poc",
        segments={
            name: ResolvedSegment(
                name, ZONES[name], "local", 1500, tuple(ip_network(one) for one in values)
            )
            for name, values in prefixes.items()
        },
        nodes={one.name: one for one in nodes},
        statements={},
    )
