"""The pytest plugin, as a team uses it; and topologies made in code."""

from __future__ import annotations

import subprocess
import sys
from ipaddress import ip_network
from pathlib import Path

import pytest

from tests.support.golden import PROJECT, TESTS
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
from topology.testing import Net, PartlyReached, UnknownName

POC = PROJECT / "poc.yaml"
PASSING = """
def test_what_the_outside_sees(net):
    assert net.reach("outside", "web", "http")
    assert net.reach("client", "dns", "dns")
    assert not net.reach("outside", ["dmz", "firewall"], "echo")
    assert not net.reach("dmz", "outside", "any")
    assert net.prove().holds
"""
FAILING = """
def test_it_should_be_closed(net):
    assert not net.reach("outside", "web", "http")

def test_it_should_be_open(net):
    assert net.reach("outside", "dns", "http")
"""


def run(directory: Path, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    (directory / "test_net.py").write_text(program)
    (directory / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-p", "topology.testing.plugin", "-q"]
    if "topology.testing.plugin" in installed():
        command[3:5] = []
    return subprocess.run(
        [*command, "-p", "no:cacheprovider", *arguments],
        cwd=directory,
        env={"PYTHONPATH": str(PROJECT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )


def installed() -> set[str]:
    from importlib.metadata import entry_points

    return {entry.value for entry in entry_points(group="pytest11")}


def test_a_team_tests_its_network(tmp_path: Path) -> None:
    done = run(tmp_path, PASSING, "--topology", str(POC))
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_failure_tells_packet_and_path(tmp_path: Path) -> None:
    done = run(tmp_path, FAILING, "--topology", str(POC))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "tcp 192.0.2.100:49152 → 203.0.113.80:80" in done.stdout
    assert "firewall rule web-in permits it" in done.stdout
    assert "tcp 192.0.2.100:49152 → 203.0.113.53:80" in done.stdout
    assert "firewall the default denies it" in done.stdout
    assert "poc.yaml:" in done.stdout


def test_what_is_true_of_some_packets_is_neither_yes_nor_no() -> None:
    net = Net.from_file(POC)
    partly = net.reach("outside", ["web", "dns"], "http")
    with pytest.raises(PartlyReached) as caught:
        bool(partly)
    assert "203.0.113.80:80" in str(caught.value)
    assert "203.0.113.53:80" in str(caught.value)


def test_one_way_is_not_reached() -> None:
    net = Net.from_file(TESTS / "errors" / "proofs" / "stateless.yaml")
    with pytest.raises(PartlyReached, match="answer"):
        bool(net.reach("outside", "web", "tcp/80"))


@pytest.mark.parametrize(
    "question", [("outsid", "web", "http"), ("outside", "wep", "http"), ("outside", "web", "htp")]
)
def test_unknown_names_say_what_was_meant(question: tuple[str, str, str]) -> None:
    with pytest.raises(UnknownName, match="did you mean"):
        Net.from_file(POC).reach(*question)


def fleet(count: int) -> Topology:
    """Any number of servers behind one firewall, as a loop."""
    servers = {
        f"web-{number}": WebNode(interfaces={"servers": Interface()}) for number in range(count)
    }
    return Topology(
        name="fleet",
        segments={
            "uplink": Segment(prefixes=(ip_network("192.0.2.0/24"),), zone="outside"),
            "servers": Segment(prefixes=(ip_network("203.0.113.0/24"),)),
        },
        nodes={
            "client": ExternalNode(interfaces={"uplink": Interface()}),
            "gate": FirewallNode(
                interfaces={"uplink": Interface(), "servers": Interface()}, policy="gate"
            ),
            **servers,
        },
        policies={
            "gate": Policy(
                rules=(
                    Rule(
                        name="web-in",
                        permit=("tcp/80",),
                        sources=("outside",),
                        destinations=tuple(sorted(servers)),
                    ),
                )
            )
        },
        statements={
            "pages": Reach(reach=("tcp/80",), sources=("outside",), destinations=tuple(servers))
        },
    )


def test_a_topology_made_in_code_is_asked_the_same_way() -> None:
    net = Net.of(fleet(20))
    assert net.prove().holds
    assert net.reach("outside", [f"web-{n}" for n in range(20)], "tcp/80")
    assert not net.reach("outside", "gate", "tcp/80")
    assert repr(net.reach("outside", "gate", "tcp/22")).startswith("a packet of client does not")
