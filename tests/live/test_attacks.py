"""The field's own tools of attack against both variants: they meet the same, and nothing gives way.

scapy makes packets that no stack sends, hping3 and nmap scan as scanners do, slowhttptest keeps the
web server waiting. Each is told the same by either variant of the proof of concept.
"""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from queue import Queue
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.support.deployed import Stack, run, started_lab
from tests.support.golden import PROJECT
from tests.support.listening import listening
from tests.support.marks import LIVE_AS_ROOT
from topology.probe.places import Place

pytestmark = LIVE_AS_ROOT

VARIANTS = ("unikernel", "containers")
WEB, DNS, WEB6 = "203.0.113.80", "203.0.113.53", "2001:db8:3::80"
CLIENT, CLIENT6 = "192.0.2.100", "2001:db8:1::100"
FIREWALL, FIREWALL6, ROUTER = "192.0.2.1", "2001:db8:1::1", "198.51.100.2"
PATIENCE = 20.0

CROSSING = {
    # What reaches the servers' segment, and what is said to it. All else is lost on its way, in
    # silence but for what SAID has.
    "open port": ["SA"],
    "IPv6: open port": ["SA"],
    "the end": ["SA"],
    # It may belong to a flow that began before the firewall did, where rules let it.
    "ACK of no flow": ["R"],
}
SAID = {
    "one hop left": [f"11/0 from {FIREWALL}"],
    "two hops left": [f"11/0 from {ROUTER}"],
    "IPv6: one hop left": [f"3/0 from {FIREWALL6}"],
}

PROBES: Mapping[str, tuple[tuple[str, ...], bool]] = {
    # hping3's arguments, and whether it is answered.
    "SYN to an open port": (("-S", "-p", "80", WEB), True),
    "SYN to a denied port": (("-S", "-p", "81", WEB), False),
    "SYN in fragments to a denied port": (("-S", "-f", "-p", "81", WEB), False),
    "SYN with a wrong checksum": (("-S", "-b", "-p", "80", WEB), False),
    "FIN, PSH and URG": (("-F", "-P", "-U", "-p", "80", WEB), False),
    "echo": (("-1", WEB), False),
    "echo to the firewall": (("-1", FIREWALL), False),
    "timestamp": (("-1", "-C", "13", WEB), False),
    "address mask": (("-1", "-C", "17", WEB), False),
    "datagram to a denied port": (("-2", "-p", "54", DNS), False),
    "empty datagram": (("-2", "-p", "53", DNS), False),
    "another protocol": (("-0", "-H", "47", WEB), False),
}

SCANS = {
    # nmap's scan, and what it finds of the open port and of the denied one.
    "-sS": ("open", "filtered"),
    "-sA": ("unfiltered", "filtered"),
    "-sF": ("open|filtered", "open|filtered"),
    "-sX": ("open|filtered", "open|filtered"),
    "-sN": ("open|filtered", "open|filtered"),
}

SLOW = {
    # slowhttptest's kind of slowness: a head, a body, a reader, and ranges that overlap.
    "head": ("-H",),
    "body": ("-B",),
    "reader": ("-X", "-w", "1", "-y", "2", "-z", "1", "-k", "3"),
    "ranges": ("-R",),
}


@pytest.fixture(scope="module")
def stacks() -> Iterator[Mapping[str, Stack]]:
    with started_lab() as lab:
        for variant in VARIANTS:
            run(["./lab", "up", variant, "--yes"], lab.environment, cwd=PROJECT)
        yield {one: Stack(one, one, PROJECT, lab, deployed=True) for one in VARIANTS}


@pytest.fixture(scope="module")
def clients(stacks: Mapping[str, Stack]) -> Mapping[str, Place]:
    return {variant: stack.client() for variant, stack in stacks.items()}


@pytest.mark.parametrize("variant", VARIANTS)
def test_crafted_packets_end_where_they_should(
    stacks: Mapping[str, Stack], clients: Mapping[str, Place], variant: str
) -> None:
    stack = stacks[variant]
    bridge = str(stack.outputs()["segments"]["servers"]["bridge"])
    with listening(stack.lab, [bridge]) as lines:
        told = crafted(clients[variant])
        crossed = heard(lines, until=told["the end"][0])
    names = {number: name for name, (number, _) in told.items()}
    assert {names[one] for one in crossed if one in names} == set(CROSSING)
    said = {name: words for name, (_, words) in told.items() if words}
    assert said == {**CROSSING, **SAID}
    assert len(told) > 40


def crafted(client: Place) -> dict[str, Any]:
    """What `tests.support.crafted` prints: each packet's number, and what was said to it."""
    program = str(PROJECT / "tests/support/crafted.py")
    addresses = (WEB, DNS, WEB6, CLIENT, CLIENT6, FIREWALL, ROUTER)
    done = client.run(["/usr/bin/python3", "-P", program, *addresses], timeout=120)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def heard(lines: Queue[str], until: int) -> set[int]:
    """The identifications of what came to the servers, up to and with the last one."""
    found: set[int] = set()
    while until not in found:
        _, identity, _, _, destination = lines.get(timeout=PATIENCE).split()
        if destination in (WEB, DNS, WEB6):
            found.add(int(identity))
    return found


def in_both(clients: Mapping[str, Place], ask: Any) -> Any:
    """What both variants say at once, where they say the same."""
    with ThreadPoolExecutor(len(VARIANTS)) as pool:
        told = dict(zip(VARIANTS, pool.map(lambda one: ask(clients[one]), VARIANTS), strict=True))
    assert told["unikernel"] == told["containers"]
    return told["unikernel"]


def test_scans_learn_no_more_than_they_should(clients: Mapping[str, Place]) -> None:
    def scan(client: Place) -> dict[str, tuple[str, ...]]:
        found = {}
        for kind in SCANS:
            command = ["nmap", "-n", "-Pn", kind, "-p80,81", "--max-retries", "2", "-oX", "-", WEB]
            done = client.run(command, timeout=60)
            assert done.returncode == 0, done.stderr
            states = ElementTree.fromstring(done.stdout).iterfind(".//port/state")
            found[kind] = tuple(str(state.get("state")) for state in states)
        return found

    assert in_both(clients, scan) == SCANS


def test_odd_packets_are_met_with_silence(clients: Mapping[str, Place]) -> None:
    def probe(client: Place) -> dict[str, bool]:
        found = {}
        for name, (arguments, _) in PROBES.items():
            # A packet may be lost; of three, one is not.
            done = client.run(["hping3", "-n", "-q", "-c", "3", "-i", "u20000", *arguments])
            counted = re.search(r"(\d+) packets received", done.stdout + done.stderr)
            assert counted, done.stdout + done.stderr
            found[name] = counted[1] != "0"
        return found

    assert in_both(clients, probe) == {name: answered for name, (_, answered) in PROBES.items()}


@pytest.mark.parametrize("kind", SLOW)
def test_slow_clients_keep_nobody_out(
    stacks: Mapping[str, Stack], clients: Mapping[str, Place], kind: str
) -> None:
    before = {variant: stack.running() for variant, stack in stacks.items()}

    def served(client: Place) -> bool:
        command = ["slowhttptest", *SLOW[kind], "-c", "300", "-r", "150", "-i", "2", "-l", "6"]
        with subprocess.Popen(
            client.command([*command, "-x", "24", "-p", "5", "-u", f"http://{WEB}/"]),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as slow:
            while slow.poll() is None:
                done = client.run(["curl", "-sS", "-m", "10", "-o", "/dev/null", f"http://{WEB}/"])
                assert done.returncode == 0, done.stderr
                with contextlib.suppress(subprocess.TimeoutExpired):
                    slow.wait(timeout=0.5)
            assert slow.stdout is not None
            told = slow.stdout.read()
        said = re.sub(r"\x1b\[[0-9;]*m", "", told)
        assert slow.returncode == 0, said
        *_, available = re.finditer(r"service available:\s+(\w+)", said)
        return available[1] == "YES"

    assert in_both(clients, served)
    assert {variant: stack.running() for variant, stack in stacks.items()} == before


def test_all_still_holds_on_the_wire(stacks: Mapping[str, Stack]) -> None:
    for stack in stacks.values():
        command = ["topology", "probe", "--stack", stack.name, "--json"]
        report = json.loads(run(command, stack.lab.environment, cwd=PROJECT).stdout)
        assert report["counts"]["broken"] == 0
