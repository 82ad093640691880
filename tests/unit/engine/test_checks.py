"""Checks that need more than a file: remarks, the host's own prefixes, the same mistake twice."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest

from tests.support.golden import PROJECT, TESTS
from topology.check.host_prefixes import host_prefixes
from topology.check.shadowed_rules import shadowed_rules
from topology.check.single_points import single_points
from topology.cli.host import used_prefixes
from topology.cli.main import run
from topology.diagnostics import Code, Severity
from topology.graph import cut_forwarders, has_second_path
from topology.load import load_text
from topology.pipeline import require_file, resolve_topology

POC = PROJECT / "poc.yaml"


def test_single_points_of_failure_are_remarks() -> None:
    remarks = list(single_points(require_file(POC)))
    assert [remark.subject.path for remark in remarks] == [
        ("nodes", "firewall"),
        ("nodes", "router"),
    ]
    assert {remark.severity for remark in remarks} == {Severity.REMARK}
    assert cut_forwarders(require_file(POC)) == {"firewall": ("client",), "router": ("dns", "web")}


def test_a_second_path_is_no_single_point() -> None:
    broken = require_file(TESTS / "errors" / "proofs" / "second-path.yaml")
    assert has_second_path(broken)
    assert not has_second_path(require_file(POC))
    assert not cut_forwarders(broken)


def test_remarks_are_told_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["validate", str(POC)]) == 0
    assert "TOP360" not in capsys.readouterr().err
    assert run(["validate", "--remarks", "--strict", str(POC)]) == 0
    assert "TOP360" in capsys.readouterr().err


def test_prefixes_of_the_host_are_told(tmp_path: Path) -> None:
    (tmp_path / "route").write_text(
        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
        "eth0\t00000000\t01020A0A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
        "eth0\t807100CB\t00000000\t0001\t0\t0\t0\t80FFFFFF\t0\t0\t0\n"
    )
    (tmp_path / "ipv6_route").write_text(
        "20010db8000300000000000000000000 40 "
        + "0" * 32
        + " 00 "
        + "0" * 32
        + " 00000100 00000001 00000000 00000001     eth0\n"
        "fe800000000000000000000000000000 40 "
        + "0" * 32
        + " 00 "
        + "0" * 32
        + " 00000100 00000001 00000000 00000001     eth0\n"
    )
    own = used_prefixes(tmp_path)
    assert own == (ip_network("203.0.113.128/25"), ip_network("2001:db8:3::/64"))
    found = list(host_prefixes(require_file(POC), own))
    assert [each.code for each in found] == [Code.HOST_PREFIX] * 2
    assert "servers" in found[0].summary


def test_a_host_without_routes_uses_nothing(tmp_path: Path) -> None:
    assert used_prefixes(tmp_path) == ()


def test_a_rule_is_of_use_if_it_is_at_one_firewall() -> None:
    text = """
version: 1
name: shared
segments:
  a: {prefixes: [192.0.2.0/24]}
  b: {prefixes: [198.51.100.0/24]}
  c: {prefixes: [203.0.113.0/24]}
nodes:
  one: {kind: firewall, interfaces: [a, b], policy: both}
  two: {kind: firewall, interfaces: [b, c], policy: both}
  web: {kind: web, interfaces: [c]}
  client: {kind: external, interfaces: [a]}
policies:
  both:
    rules:
      - {name: from-a, permit: tcp/80, from: a, to: web}
      - {name: all, permit: tcp, from: any, to: any}
      - {name: never, deny: tcp/22, from: any, to: web}
"""
    topology = load_text(text).topology
    assert topology is not None
    resolved, _ = resolve_topology(topology)
    assert resolved is not None
    (found,) = shadowed_rules(resolved)
    assert found.code is Code.SHADOWED_RULE
    assert found.summary.startswith("the rule never never decides: all before it")
    assert found.hint == "move it above all"
