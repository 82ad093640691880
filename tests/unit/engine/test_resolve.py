"""Resolution: routes, rules, records, statements, and that equal topologies resolve equally."""

from __future__ import annotations

import random
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.golden import PROJECT
from tests.support.topologies import small, topologies
from tests.unit.engine.test_addresses import shuffled
from topology.graph import Ending, Routing
from topology.model import (
    ExternalNode,
    FirewallNode,
    Interface,
    Policy,
    Reach,
    Rule,
    Segment,
    Topology,
    WebNode,
)
from topology.pipeline import require_file, resolve_topology
from topology.resolve import Names
from topology.resolve.records import reverse_origin
from topology.resolve.services import resolve_services
from topology.resolve.types import Endpoint, Match, Protocol, ResolvedTopology


def resolved(topology: Topology) -> ResolvedTopology:
    value, diagnostics = resolve_topology(topology)
    assert value is not None, list(map(str, diagnostics))
    return value


@given(topologies(), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_equal_topologies_resolve_equally(document: dict[str, Any], rng: random.Random) -> None:
    first, said = resolve_topology(Topology.model_validate(document))
    second, again = resolve_topology(Topology.model_validate(shuffled(document, rng)))
    assert first == second
    assert said == again
    assert list(first.nodes) == sorted(first.nodes) if first else not said.ok


@given(topologies())
@settings(deadline=None)
def test_derived_routes_join_every_pair(document: dict[str, Any]) -> None:
    topology, said = resolve_topology(Topology.model_validate(document))
    if topology is None:
        assert not said.ok
        return
    routing = Routing(topology)
    for source in topology.nodes.values():
        versions = {a.version for i in source.interfaces for a in i.addresses}
        for target in topology.nodes.values():
            for interface in target.interfaces:
                for address in interface.addresses:
                    walk = routing.walk(source.name, address.ip)
                    # A segment of one family on the way carries nothing of the other.
                    if address.version == 4 and 4 in versions:
                        assert walk.ending is Ending.DELIVERED
                    assert walk.ending is not Ending.LOOP


def test_the_python_api_builds_what_a_file_says() -> None:
    topology = Topology(
        name="code",
        services={"http": ("tcp/80",)},
        segments={
            "outer": Segment(zone="outside", prefixes=(ip_network("192.0.2.0/24"),)),
            "inner": Segment(zone="dmz", prefixes=(ip_network("203.0.113.0/24"),)),
        },
        nodes={
            "client": ExternalNode(interfaces={"outer": Interface()}),
            "wall": FirewallNode(
                interfaces={"outer": Interface(), "inner": Interface()}, policy="edge"
            ),
            **{f"web{i}": WebNode(interfaces={"inner": Interface()}) for i in range(3)},
        },
        policies={
            "edge": Policy(
                rules=(
                    Rule(name="in", permit=("http",), sources=("outside",), destinations=("dmz",)),
                )
            )
        },
        statements={"page": Reach(reach=("http",), sources=("outside",), destinations=("dmz",))},
    )
    topology_ = resolved(topology)
    assert topology_.statements["page"].destinations == ("web0", "web1", "web2")
    again = Topology.model_validate_json(topology.model_dump_json())
    assert again == topology


def test_a_frozen_topology_cannot_be_changed() -> None:
    topology = small()
    with pytest.raises(ValueError, match="frozen"):
        topology.name = "other"


def test_services_merge() -> None:
    topology = small(services={"a": ["tcp/80-90", "tcp/91", "udp/53"], "b": ["tcp/85-95", "icmp"]})
    assert resolve_services(topology, ["a", "b", "tcp/1"]) == (
        Match(Protocol.ICMP),
        Match(Protocol.TCP, ports=((1, 1), (80, 95))),
        Match(Protocol.UDP, ports=((53, 53),)),
    )
    assert resolve_services(topology, ["a", "any"]) == ()


def test_an_attached_zone_is_an_interface_and_any_other_is_prefixes() -> None:
    firewall = require_file(PROJECT / "poc.yaml").nodes["firewall"]
    assert firewall.policy is not None
    rule = next(rule for rule in firewall.policy.rules if rule.name == "web-in")
    assert rule.sources == (Endpoint(interface="external"),)
    assert Endpoint(prefix=ip_network("203.0.113.80/32")) in rule.destinations


def test_a_zone_of_a_statement_is_who_lives_there() -> None:
    names = Names(small())
    assert names.nodes(["dmz"]) == ("web",)
    assert names.nodes(["outside"]) == ("client",)
    assert names.nodes(["any"]) == ("client", "gate", "web")
    nodes = {"gate": {"kind": "router", "interfaces": ["outer", "inner"]}}
    assert Names(small(nodes=nodes)).nodes(["dmz"]) == ("gate",)


@pytest.mark.parametrize(
    ("address", "prefix", "origin"),
    [
        ("203.0.113.80", "203.0.113.0/24", "113.0.203.in-addr.arpa"),
        ("203.0.113.80", "203.0.113.64/26", "113.0.203.in-addr.arpa"),
        ("10.1.2.3", "10.0.0.0/8", "10.in-addr.arpa"),
        ("10.1.2.3", "10.0.0.0/12", "1.10.in-addr.arpa"),
        ("10.1.2.3", "10.1.0.0/22", "2.1.10.in-addr.arpa"),
        ("2001:db8::1", "2001:db8::/32", "8.b.d.0.1.0.0.2.ip6.arpa"),
        ("2001:db8::1", "2001:db8::/33", "0.8.b.d.0.1.0.0.2.ip6.arpa"),
        ("2001:db8::1", "2001:db8::/127", "0." * 23 + "8.b.d.0.1.0.0.2.ip6.arpa"),
    ],
)
def test_reverse_zones(address: str, prefix: str, origin: str) -> None:
    assert reverse_origin(ip_address(address), ip_network(prefix)) == origin


def test_a_serial_follows_the_content() -> None:
    def serial(records: dict[str, Any]) -> int:
        nodes = {
            "client": {"kind": "external", "interfaces": ["outer"]},
            "gate": {"kind": "router", "interfaces": ["outer", "inner"]},
            "web": {"kind": "web", "interfaces": ["inner"]},
            "dns": {"kind": "dns", "interfaces": ["inner"], "records": {"a.test": records}},
        }
        zones = resolved(small(nodes=nodes)).nodes["dns"].zones
        return next(zone.serial for zone in zones if zone.origin == "a.test")

    one = serial({"ns1": "dns", "www": "web"})
    assert one == serial({"www": "web", "ns1": "dns"})
    assert one != serial({"ns1": "dns", "web": "web"})


def test_a_record_leaves_the_web_server_as_it_is() -> None:
    """Names are the DNS server's business: a new one must not replace what it names."""
    poc = require_file(PROJECT / "poc.yaml")
    about = next(r for r in poc.nodes["web"].resources if r.path == "/api/node")
    assert about.body == b'{"kind":"web","node":"web","topology":"poc","zones":["dmz"]}'
