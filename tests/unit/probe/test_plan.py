"""Statements become probes: the right clients, from the right places, expecting the right thing."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import pytest

from topology.pipeline import require_file
from topology.probe.describe import expectation, family, tool
from topology.probe.junit import junit
from topology.probe.plan import (
    CountersRose,
    DomainRuns,
    NoAnswer,
    NoEcho,
    OnlyOpen,
    PageServed,
    PathRecorded,
    PlaceId,
    Probe,
    RecordAnswered,
    plan_probes,
)
from topology.probe.results import Outcome, Report, Status
from topology.resolve.types import Protocol

ROOT = Path(__file__).parents[3]
WEB, DNS, CLIENT = map(IPv4Address, ("203.0.113.80", "203.0.113.53", "192.0.2.100"))
WEB6, DNS6, CLIENT6 = map(IPv6Address, ("2001:db8:3::80", "2001:db8:3::53", "2001:db8:1::100"))
OUTSIDE = PlaceId("external", "client")
BESIDE = PlaceId("servers")


@pytest.fixture(scope="module")
def probes() -> tuple[Probe, ...]:
    return plan_probes(require_file(ROOT / "poc.yaml"))


def of(probes: tuple[Probe, ...], statement: str) -> list[Probe]:
    return [probe for probe in probes if probe.statement == statement]


def test_every_statement_and_every_deployed_node_has_a_probe(probes: tuple[Probe, ...]) -> None:
    topology = require_file(ROOT / "poc.yaml")
    assert {p.statement for p in probes} == {"deployed", *topology.statements}
    deployed = {n.name for n in topology.nodes.values() if n.deployed}
    assert {p.check.node for p in probes if isinstance(p.check, DomainRuns)} == deployed


def test_the_page_is_fetched_by_address_and_by_name(probes: tuple[Probe, ...]) -> None:
    pages = [p for p in of(probes, "page-is-public") if isinstance(p.check, PageServed)]
    asked = {(p.check.url, p.check.version) for p in pages if isinstance(p.check, PageServed)}
    assert {("http://203.0.113.80/", 4), ("http://[2001:db8:3::80]/", 6)} <= asked
    assert {("http://www.poc.example/", 4), ("http://www.poc.example/", 6)} <= asked
    assert {p.place for p in pages} == {OUTSIDE}
    body = (ROOT / "content/web/index.html").read_bytes()
    assert {p.check.body for p in pages if p.check.url.endswith("example/")} == {body}  # type: ignore[union-attr]


def test_names_are_asked_over_both_transports_and_an_absent_one_too(
    probes: tuple[Probe, ...],
) -> None:
    checks = [p.check for p in of(probes, "names-resolve")]
    for transport in (Protocol.TCP, Protocol.UDP):
        assert RecordAnswered(DNS, transport, "www.poc.example", "A", (str(WEB),)) in checks
        assert RecordAnswered(DNS, transport, "absent.poc.example", "A", ()) in checks
        assert RecordAnswered(DNS6, transport, "www.poc.example", "AAAA", (str(WEB6),)) in checks
        reverse = ip_address(WEB6).reverse_pointer
        assert RecordAnswered(DNS6, transport, reverse, "PTR", ("www.poc.example",)) in checks


def test_only_what_is_stated_may_answer(probes: tuple[Probe, ...]) -> None:
    checks = {p.check.address: p.check for p in probes if isinstance(p.check, OnlyOpen)}
    for web in (WEB, WEB6):
        assert checks[web] == OnlyOpen(web, frozenset({80}), frozenset())
    assert checks[DNS] == OnlyOpen(DNS, frozenset({53}), frozenset({53}))
    assert checks[IPv4Address("192.0.2.1")].tcp == frozenset()


def test_echo_is_probed_across_the_firewall_in_both_directions(probes: tuple[Probe, ...]) -> None:
    echoes = {
        (p.place, p.check.address) for p in of(probes, "no-ping") if isinstance(p.check, NoEcho)
    }
    assert (OUTSIDE, WEB) in echoes
    assert (OUTSIDE, WEB6) in echoes
    assert (OUTSIDE, IPv4Address("192.0.2.1")) in echoes
    assert (BESIDE, CLIENT) in echoes
    assert (BESIDE, CLIENT6) in echoes
    # The router's DMZ address does not lie across the firewall from the DMZ.
    assert (BESIDE, IPv4Address("203.0.113.1")) not in echoes


def test_counters_are_judged_last_and_by_what_was_sent(probes: tuple[Probe, ...]) -> None:
    counted = [p for p in probes if isinstance(p.check, CountersRose)]
    assert probes[-len(counted) :] == tuple(counted)
    echoes = sum(isinstance(p.check, NoEcho) for p in of(probes, "no-ping"))
    [denied] = [p.check for p in counted if p.statement == "no-ping"]
    assert denied == CountersRose("firewall", ("rule.no-echo", "rule.default"), echoes)


def test_the_dmz_calls_nobody(probes: tuple[Probe, ...]) -> None:
    silent = {
        p.check.address: p for p in of(probes, "dmz-stays-in") if isinstance(p.check, NoAnswer)
    }
    assert set(silent) == {CLIENT, CLIENT6}
    for probe in silent.values():
        assert probe.place == BESIDE
        assert isinstance(probe.check, NoAnswer)
        assert probe.check.tcp
        assert probe.check.udp


def test_a_waypoint_is_seen_on_the_path(probes: tuple[Probe, ...]) -> None:
    paths = {
        p.check.address: p.check
        for p in of(probes, "through-firewall")
        if isinstance(p.check, PathRecorded)
    }
    assert paths[WEB].port == 80
    assert IPv4Address("192.0.2.1") in paths[WEB].hops
    assert IPv6Address("2001:db8:1::1") in paths[WEB6].hops


def test_both_families_are_probed_of_every_statement_about_packets(
    probes: tuple[Probe, ...],
) -> None:
    told = {(p.statement, family(p.check)) for p in probes}
    packets = {p.statement for p in probes if family(p.check)}
    assert told >= {(statement, which) for statement in packets for which in ("IPv4", "IPv6")}


def test_every_probe_can_be_told(probes: tuple[Probe, ...]) -> None:
    for probe in probes:
        assert expectation(probe.check)
        assert tool(probe.check) in {"curl", "dig", "nmap", "ping", "console", "libvirt"}


def report(probes: tuple[Probe, ...], *statuses: Status) -> Report:
    outcomes = tuple(
        Outcome(probe, status, "seen \x00 <&>", 0.5)
        for probe, status in zip(probes, statuses, strict=False)
    )
    return Report("unikernel", "unikernel", "poc", outcomes, 1.0)


def test_a_report_counts_and_exits_honestly(probes: tuple[Probe, ...]) -> None:
    assert report(probes, Status.SEEN).exit_code == 0
    assert report(probes, Status.SEEN, Status.ERROR).exit_code == 70
    assert report(probes, Status.ERROR, Status.BROKEN).exit_code == 1


def test_junit_is_xml_whatever_was_seen(probes: tuple[Probe, ...]) -> None:
    document = ElementTree.fromstring(
        junit(report(probes, Status.SEEN, Status.BROKEN, Status.ERROR))
    )
    assert (document.get("tests"), document.get("failures"), document.get("errors")) == (
        "3",
        "1",
        "1",
    )
    [failure] = document.iter("failure")
    assert failure.get("message") == "seen \ufffd <&>"


def test_a_wildcard_answers_neither_for_absent_names_nor_as_a_host() -> None:
    probes = plan_probes(require_file(ROOT / "examples/managed.yaml"))
    asked = [p.check for p in probes if isinstance(p.check, RecordAnswered)]
    assert any(check.name == "*.managed.example" and check.answers for check in asked)
    absent = {check.name for check in asked if not check.answers}
    assert {name for name in absent if name.endswith("example")} == {"absent.ns1.managed.example"}
    pages = [p.check.url for p in probes if isinstance(p.check, PageServed)]
    assert pages
    assert not [url for url in pages if "*" in url]
