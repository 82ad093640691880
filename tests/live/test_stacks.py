"""Whole stacks, as a user deploys them: every topology in both variants, seen on the wire."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.support.containers import eventually
from tests.support.deployed import Lab, run, started_lab
from tests.support.golden import PROJECT
from tests.support.marks import LIVE_AS_ROOT
from tests.support.wire import datagram
from topology.probe.identity import Console

pytestmark = LIVE_AS_ROOT

VARIANTS = ("unikernel", "containers")
FORGED = (("203.0.113.80", "203.0.113.53"), ("2001:db8:3::80", "2001:db8:3::53"))
"""Web speaks to dns, as somebody outside would have it."""
NARROW = 1400
LARGE = "".join(f"line {number} of a page that takes many packets\n" for number in range(5000))
TOLD_OF_WHAT_IS_PERMITTED = """
import socket, sys, time
from contextlib import suppress
# The narrower path is known once a datagram as long as the link allows has been refused.
permitted, denied, narrow = sys.argv[1:]
v6 = ":" in permitted
level = socket.IPPROTO_IPV6 if v6 else socket.IPPROTO_IP
IP_MTU, IP_MTU_DISCOVER, IP_PMTUDISC_DO = (24, 23, 2) if v6 else (14, 10, 2)

def opened(address, port):
    sender = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_DGRAM)
    sender.setsockopt(level, IP_MTU_DISCOVER, IP_PMTUDISC_DO)
    sender.connect((address, port))
    return sender

with opened(permitted, 53) as heard, opened(denied, 9) as unheard:
    deadline = time.monotonic() + 10
    while (mtu := heard.getsockopt(level, IP_MTU)) != int(narrow):
        assert time.monotonic() < deadline, mtu
        for sender in (unheard, heard):
            with suppress(OSError):
                sender.send(bytes(1500 - 48))
        time.sleep(0.05)
    assert unheard.getsockopt(level, IP_MTU) == 1500
"""


@dataclass(frozen=True, slots=True)
class Stacks:
    """A lab of the tests' own, and a directory for what they write."""

    lab: Lab
    directory: Path

    @property
    def environment(self) -> Mapping[str, str]:
        return self.lab.environment

    def run(self, *command: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        return run([*command], self.environment, cwd=PROJECT, code=code)

    def deploy(self, stack: str, variant: str, file: Path | str, code: int = 0, **more: str) -> str:
        """`pulumi up` of a stack whose configuration lies outside the clone; what it said."""
        config = self.directory / f"{stack}.yaml"
        config.write_text((PROJECT / f"Pulumi.{variant}.yaml").read_text())
        with config.open("a") as handle:
            for key, value in {"file": str(file), **more}.items():
                handle.write(f"  topology:{key}: {value}\n")
        listed = json.loads(self.run("pulumi", "stack", "ls", "--json").stdout)
        if stack not in {entry["name"] for entry in listed}:
            self.run("pulumi", "stack", "init", stack, "--no-select")
            (PROJECT / f"Pulumi.{stack}.yaml").unlink(missing_ok=True)
        up = ("pulumi", "up", "--stack", stack, "--yes", "--skip-preview", "--non-interactive")
        return self.run(*up, "--config-file", str(config), code=code).stdout

    def destroy(self, stack: str) -> None:
        config = str(self.directory / f"{stack}.yaml")
        end = ("--yes", "--skip-preview", "--non-interactive", "--config-file", config)
        self.run("pulumi", "destroy", "--stack", stack, *end)
        self.run("pulumi", "stack", "rm", stack, "--yes", "--preserve-config")

    def probe(self, stack: str, code: int = 0) -> dict[str, Any]:
        report: dict[str, Any] = json.loads(
            self.run("topology", "probe", "--stack", stack, "--json", code=code).stdout
        )
        return report


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stacks]:
    with started_lab() as started:
        yield Stacks(started, tmp_path_factory.mktemp("stacks"))


@pytest.fixture(scope="module")
def both(lab: Stacks) -> Stacks:
    """The proof of concept in both variants, up at once, as `lab up` deploys it."""
    for variant in VARIANTS:
        lab.run("./lab", "up", variant, "--yes")
    return lab


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_proof_of_concept_holds_on_the_wire(both: Stacks, variant: str, tmp_path: Path) -> None:
    junit = tmp_path / "probes.xml"
    done = both.run("topology", "probe", "--stack", variant, "--json", "--junit", str(junit))
    report = json.loads(done.stdout)
    assert report["variant"] == variant
    assert report["counts"] == {"broken": 0, "error": 0, "seen": len(report["probes"])}
    assert {p["tool"] for p in report["probes"]} == {
        "console",
        "curl",
        "dig",
        "libvirt",
        "nmap",
        "ping",
    }
    assert 'failures="0"' in junit.read_text()


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_client_outside_reads_the_page_by_name(both: Stacks, variant: str) -> None:
    done = both.run(
        "./lab",
        "client",
        variant,
        "--",
        "curl",
        "-sS",
        "--max-time",
        "5",
        "http://www.poc.example/",
    )
    assert done.stdout == (PROJECT / "content/web/index.html").read_text()


def test_a_client_command_keeps_its_exit_code(both: Stacks) -> None:
    both.run("./lab", "client", "unikernel", "--", "sh", "-c", "exit 7", code=7)


def test_two_stacks_do_not_meet(both: Stacks) -> None:
    """Same addresses in both, yet what one serves never reaches the other's clients."""
    outputs = {
        v: json.loads(both.run("pulumi", "stack", "output", "--json", "--stack", v).stdout)
        for v in VARIANTS
    }
    bridges = {v: {s["bridge"] for s in o["segments"].values()} for v, o in outputs.items()}
    assert not bridges["unikernel"] & bridges["containers"]
    # A page that nobody else asks for: what earlier requests add to the counters may come late.
    missed = {v: counted(both, outputs[v], "http_4xx") for v in VARIANTS}
    served = counted(both, outputs["containers"], "http_2xx")
    for variant, page, code in (("unikernel", "absent", 22), ("containers", "", 0)):
        fetch = ("curl", "-sSf", f"http://203.0.113.80/{page}")
        both.run("./lab", "client", variant, "--", *fetch, code=code)

    def come() -> bool:
        """Both requests are counted, and with the later one all that reached the containers."""
        return (
            counted(both, outputs["unikernel"], "http_4xx") > missed["unikernel"]
            and counted(both, outputs["containers"], "http_2xx") > served
        )

    eventually(come, "the requests are counted")
    assert counted(both, outputs["containers"], "http_4xx") == missed["containers"]


def counted(lab: Stacks, outputs: Mapping[str, Any], name: str) -> int:
    """What the web node of a stack says of one of its counters."""
    console = Console(outputs["nodes"]["web"]["console"], lab.lab.surroundings)
    return console.counters().get(name, 0)


def test_status_tells_what_runs(both: Stacks) -> None:
    told = both.run("./lab", "status", "--json").stdout
    for name in ("web", "dns", "router", "firewall"):
        for variant in VARIANTS:
            assert f"{variant}-{name}-" in told


def topology(stacks: Stacks, *arguments: str) -> subprocess.Popen[str]:
    """A command that goes on until it has seen enough, or is told to end."""
    return subprocess.Popen(
        ["topology", *arguments],
        cwd=PROJECT,
        env=dict(stacks.environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def heard(command: subprocess.Popen[str], word: str) -> str:
    """The line of standard error with which a command says that it has begun."""
    assert command.stderr is not None
    for line in command.stderr:
        if word in line:
            return line
    raise AssertionError(f"it ended before it said {word}")


@pytest.mark.parametrize("variant", VARIANTS)
def test_logs_tell_the_same_of_both_variants(both: Stacks, variant: str) -> None:
    lines = both.run("topology", "logs", "--stack", variant, "--json").stdout.splitlines()
    told = [json.loads(line) for line in lines]
    nodes = {"dns", "firewall", "router", "web"}
    for event in ("boot", "ready"):
        assert {one["node"] for one in told if one["event"] == event} == nodes
    times = [one["time"] for one in told if one["time"] is not None]
    assert times == sorted(times)
    both.run("topology", "logs", "nobody", "--stack", variant, code=70)


def counters(stacks: Stacks, variant: str, *nodes: str) -> dict[str, Any]:
    """What nodes answer who asks for their counters."""
    done = stacks.run("topology", "counters", *nodes, "--stack", variant, "--json")
    answers: dict[str, Any] = json.loads(done.stdout)["nodes"]
    return answers


@pytest.mark.parametrize("variant", VARIANTS)
def test_nodes_tell_their_counters_to_who_asks(both: Stacks, variant: str) -> None:
    answers = counters(both, variant)
    assert answers.keys() == {"dns", "firewall", "router", "web"}
    assert all("http_requests" in one["counters"] for one in (answers["web"],))
    # Nothing that they count happens in between, and yet they say it once more.
    again = counters(both, variant, "firewall")["firewall"]
    assert again["uptime"] > answers["firewall"]["uptime"]
    table = both.run("topology", "counters", "web", "--stack", variant).stdout
    assert re.search(r"^web +http_requests +\d+$", table, re.MULTILINE)
    both.run("topology", "counters", "nobody", "--stack", variant, code=70)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_dropped_packet_is_traced_to_its_rule(both: Stacks, variant: str) -> None:
    client = ("./lab", "client", variant, "--")
    both.run(*client, "true")
    following = topology(both, "trace", "--stack", variant, "--icmp", "--count", "1", "--json")
    heard(following, "following firewall")
    both.run(*client, "ping", "-c", "1", "-W", "1", "203.0.113.80", code=1)
    told, summary = following.communicate(timeout=30)
    assert following.returncode == 0
    documents = [json.loads(line) for line in told.splitlines()]
    (drop,) = [one for one in documents if one["event"] == "drop"]
    assert (drop["rule"], drop["source"], drop["port"]) == ("no-echo", "192.0.2.100", 8)
    line = int(drop["place"].rpartition(":")[2])
    assert "name: no-echo" in (PROJECT / "poc.yaml").read_text().splitlines()[line - 1]
    assert drop["model"]["agrees"] is True
    assert any(one.get("rose", {}).get("rule.no-echo") for one in documents)
    assert "firewall no-echo: 1 dropped, 1 reported" in summary


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_forged_source_is_traced_to_the_node_that_would_not_send_there(
    both: Stacks, variant: str
) -> None:
    client = ("topology", "client", "--stack", variant, "--")
    both.run(*client, "true")
    following = topology(
        both, "trace", "--stack", variant, "--udp", "5353", "--count", "2", "--json"
    )
    heard(following, "following firewall")
    both.run(*client, *forging(5353))
    told, summary = following.communicate(timeout=30)
    assert following.returncode == 0
    documents = [json.loads(line) for line in told.splitlines()]
    drops = [one for one in documents if one["event"] == "drop"]
    assert {(one["rule"], one["node"], one["source"]) for one in drops} == {
        ("reverse_path", "firewall", source) for source, _ in FORGED
    }
    line = int(drops[0]["place"].rpartition(":")[2])
    assert "firewall:" in (PROJECT / "poc.yaml").read_text().splitlines()[line - 1]
    assert all(one["model"]["agrees"] is True for one in drops)
    # A line of counters may come between the two.
    assert sum(one.get("rose", {}).get("dropped.spoofed", 0) for one in documents) == 2
    assert "firewall reverse_path: 2 dropped, 2 reported" in summary


def forging(port: int) -> tuple[str, ...]:
    """The command that sends what claims to be from the DMZ, over both families."""
    packets = [datagram(*pair, port, number) for number, pair in enumerate(FORGED, 1)]
    return (sys.executable, "-P", str(PROJECT / "tests/support/wire.py"), "send", *packets)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_capture_holds_what_passed_a_nodes_ports(
    both: Stacks, variant: str, tmp_path: Path
) -> None:
    file = tmp_path / "page.pcapng"
    wanted = ("--stack", variant, "--filter", "tcp port 80", "-w", str(file))
    listening = topology(both, "capture", "firewall", *wanted)
    heard(listening, "capturing firewall:external, firewall:transit")
    deadline = time.monotonic() + 20
    # Both ports are described once both are listened to.
    while not (file.exists() and file.read_bytes().count(b"node firewall on segment") == 2):
        assert time.monotonic() < deadline, "it does not listen"
        time.sleep(0.05)
    both.run("./lab", "client", variant, "--", "curl", "-sSf", "http://203.0.113.80/")
    # A connection's six packets or more at either port; the last may still be on their way.
    while file.read_bytes().count(bytes([192, 0, 2, 100, 203, 0, 113, 80])) < 6:
        assert time.monotonic() < deadline, "the packets do not come"
        time.sleep(0.05)
    listening.terminate()
    _, told = listening.communicate(timeout=20)
    assert listening.returncode == 0, told
    assert re.search(r"firewall:external: \d+ packets", told)
    read = subprocess.run(["tcpdump", "-n", "-r", file], capture_output=True, text=True, check=True)
    assert "192.0.2.100" in read.stdout
    assert "HTTP: GET / HTTP/1.1" in read.stdout
    mistake = ("--stack", variant, "--filter", "tcp port", "-w", str(file))
    both.run("topology", "capture", "servers", *mistake, code=70)
    assert "tcpdump" not in both.lab.inside("ps", "-e", "-o", "comm")


def test_a_unikernel_that_cannot_go_on_serves_again_by_itself(both: Stacks) -> None:
    output = json.loads(
        both.run("pulumi", "stack", "output", "--json", "--stack", "unikernel").stdout
    )
    domain = output["nodes"]["web"]["domain"]
    before = both.lab.virsh("unikernel", "dumpxml", domain)
    both.lab.virsh("unikernel", "inject-nmi", domain)
    begun = time.monotonic()
    fetch = ("./lab", "client", "unikernel", "--", "curl", "-sSf", "-m1", "http://203.0.113.80/")
    while subprocess.run(fetch, cwd=PROJECT, env=dict(both.environment), check=False).returncode:
        assert time.monotonic() - begun < 20, "it does not serve again"
    # The machine was never taken away: the same process, the same image, the same memory.
    assert both.lab.virsh("unikernel", "dumpxml", domain) == before
    reason = "non-maskable interrupt"
    told = counters(both, "unikernel", "web")["web"]
    assert told["starts"] == 2
    assert reason in told["reason"]
    logs = both.run("topology", "logs", "web", "--stack", "unikernel").stdout
    assert "starts again" in logs[logs.index(reason) :]
    assert f"its last words: {reason}" in both.run("./lab", "status").stdout
    drift = json.loads(both.run("topology", "drift", "--stack", "unikernel", "--json").stdout)
    assert [(one["node"], one["starts"]) for one in drift["restarted"]] == [("web", 2)]
    assert not drift["drifts"]
    assert both.probe("unikernel")["counts"]["broken"] == 0


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("example", ["open", "two-dmz"])
def test_other_topologies_hold_too(lab: Stacks, example: str, variant: str) -> None:
    stack = f"{example}-{variant}"
    lab.deploy(stack, variant, f"examples/{example}.yaml")
    try:
        counts = lab.probe(stack)["counts"]
        assert (counts["broken"], counts["error"]) == (0, 0)
    finally:
        lab.destroy(stack)


def test_containers_forward_by_the_shared_code_as_by_the_kernel(lab: Stacks) -> None:
    text = (PROJECT / "poc.yaml").read_text()
    shared = text.replace("    policy: edge\n", "    policy: edge\n    dataplane: shared\n")
    shared = shared.replace("    kind: router\n", "    kind: router\n    dataplane: shared\n")
    assert shared.count("dataplane: shared") == 2
    file = written(lab, narrowed(shared))
    lab.deploy("shared", "containers", file)
    try:
        counts = lab.probe("shared")["counts"]
        assert (counts["broken"], counts["error"]) == (0, 0)
        a_narrow_link_is_told_of_and_heeded(lab, "shared")
    finally:
        lab.destroy("shared")


@pytest.mark.parametrize("variant", VARIANTS)
def test_both_families_get_through_a_narrow_link(lab: Stacks, variant: str) -> None:
    stack = f"narrow-{variant}"
    lab.deploy(stack, variant, written(lab, narrowed((PROJECT / "poc.yaml").read_text())))
    try:
        a_narrow_link_is_told_of_and_heeded(lab, stack)
        the_way_is_told_hop_by_hop(lab, stack)
    finally:
        lab.destroy(stack)


def narrowed(text: str) -> str:
    """The topology with a transit that carries less than its neighbours."""
    narrow = text.replace("transit: {zone: transit,", f"transit: {{zone: transit, mtu: {NARROW},")
    assert narrow != text
    return narrow


def a_narrow_link_is_told_of_and_heeded(lab: Stacks, stack: str) -> None:
    """Packets too big for the transit are refused to both ends, and both then send smaller ones.

    Nobody is told of those that the policy denies.
    """
    client = ("topology", "client", "--stack", stack, "--")
    for family, host, web, dns in (
        ("-4", "203.0.113.80", "203.0.113.80", "203.0.113.53"),
        ("-6", "[2001:db8:3::80]", "2001:db8:3::80", "2001:db8:3::53"),
    ):
        page = f"http://{host}/large.txt"
        fetch = ("curl", family, "-sSf", "--globoff", "--max-time", "10", page)
        assert lab.run(*client, *fetch).stdout == LARGE
        narrow = str(NARROW)
        lab.run(*client, "python3", "-c", TOLD_OF_WHAT_IS_PERMITTED, dns, web, narrow)


def the_way_is_told_hop_by_hop(lab: Stacks, stack: str) -> None:
    """A time exceeded from the firewall, then from the router, over each family."""
    for family, web, hops in (
        ("-4", "203.0.113.80", ["192.0.2.1", "198.51.100.2", "203.0.113.80"]),
        ("-6", "2001:db8:3::80", ["2001:db8:1::1", "2001:db8:2::2", "2001:db8:3::80"]),
    ):
        trace = ("nmap", family, "-n", "-Pn", "-sS", "-p80", "--traceroute", "-oX", "-", web)
        told = lab.run("topology", "client", "--stack", stack, "--", *trace).stdout
        assert [hop.get("ipaddr") for hop in ElementTree.fromstring(told).iter("hop")] == hops


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_network_that_breaks_its_statements_is_seen_to(lab: Stacks, variant: str) -> None:
    """Echo let in, a port let through: each probe that should see it does, the others hold."""
    text = (PROJECT / "poc.yaml").read_text()
    leaky = text.replace(
        "{name: no-echo, deny: echo, from: any", "{name: leak, permit: echo, from: any"
    )
    leaky = leaky.replace(
        "permit: http, from: outside, to: web", "permit: any, from: outside, to: web"
    )
    assert leaky.count("leak") == 1
    file = written(lab, leaky)
    stack = f"leaky-{variant}"
    if variant == VARIANTS[0]:  # the model refuses before anything knows the variant
        assert "no-ping" in lab.deploy(stack, variant, file, code=1)
    lab.deploy(stack, variant, file, statements="warn")
    try:
        probes = lab.probe(stack, code=1)["probes"]
        broken = {(p["statement"], p["target"]) for p in probes if p["status"] == "broken"}
        assert ("no-ping", "web") in broken
        assert ("nothing-else", "web") in broken
        assert {statement for statement, _ in broken} <= {"no-ping", "nothing-else", "dmz-stays-in"}
        assert not [p for p in probes if p["status"] == "error"]
    finally:
        lab.destroy(stack)


def written(lab: Stacks, text: str) -> Path:
    """A topology file outside the clone, its content beside it."""
    file = lab.directory / "topology.yaml"
    content = lab.directory / "content"
    if not content.exists():
        shutil.copytree(PROJECT / "content", content)
        (content / "web" / "large.txt").write_text(LARGE)
    file.write_text(text)
    return file
