"""Everything at once for a while: load, floods, a wire that comes and goes, clients that vanish.

At the end nothing has restarted or died, what was connected still is, memory is where it was, and
every statement is seen on the wire.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.deployed import Lab, Stack, run, started_lab
from tests.support.golden import PROJECT
from tests.support.marks import LIVE_AS_ROOT
from topology.bench.fleet.memory import resident
from topology.bench.fleet.processes import domain_processes
from topology.probe.places import Place

pytestmark = LIVE_AS_ROOT

VARIANTS = ("unikernel", "containers")
NODES = ("dns", "firewall", "router", "web")
SHORT, LONG = 12, 300
"""Seconds; the long one takes both variants through ten minutes."""
ABSENT = tuple(f"192.0.2.{host}" for host in (201, 202, 203))
"""Addresses outside that nobody has."""
SLACK = 1 << 20
"""Bytes that a node's processes may grow by once they have seen every kind of load."""

# One connection to the DNS server, a query every quarter of a second: each must be answered on it.
# The web server is full by then, and sheds whoever is silent; the firewall must forget nobody.
FAITHFUL = """
import socket, sys, time
address, end = sys.argv[1], time.monotonic() + float(sys.argv[2])
name = b"".join(bytes([len(label)]) + label for label in (b"www", b"poc", b"example", b""))
query = bytes.fromhex("1d1d00000001000000000000") + name + bytes.fromhex("00010001")
def read(stream, count):
    data = b""
    while len(data) < count:
        part = stream.recv(count - len(data))
        assert part, "closed"
        data += part
    return data
answered = 0
with socket.create_connection((address, 53), 20) as stream:
    stream.settimeout(20)
    while time.monotonic() < end:
        stream.sendall(len(query).to_bytes(2, "big") + query)
        reply = read(stream, int.from_bytes(read(stream, 2), "big"))
        assert reply[3] & 15 == 0 and reply[6:8] == bytes((0, 1)), reply
        if not answered:
            print("connected", flush=True)
        answered += 1
        time.sleep(0.25)
print(answered)
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with started_lab() as lab:
        yield lab


@pytest.fixture(params=VARIANTS)
def stack(request: pytest.FixtureRequest, lab: Lab) -> Stack:
    variant: str = request.param
    run(["./lab", "up", variant, "--yes"], lab.environment, cwd=PROJECT)
    return Stack(variant, variant, PROJECT, lab, deployed=True)


def test_what_runs_withstands_a_short_soak(stack: Stack, tmp_path: Path) -> None:
    soak(stack, SHORT, tmp_path)


@pytest.mark.full
def test_what_runs_withstands_a_long_soak(stack: Stack, tmp_path: Path) -> None:
    soak(stack, LONG, tmp_path)


def soak(stack: Stack, seconds: int, directory: Path) -> None:
    client = stack.client()
    web, dns = (str(stack.outputs()["nodes"][node]["addresses"][0]) for node in ("web", "dns"))
    queries = directory / "queries"
    queries.write_text("www.poc.example A\nwww.poc.example AAAA\nabsent.poc.example A\n")
    before = stack.running()
    faithful = started(client, "python3", "-c", FAITHFUL, dns, str(2 * seconds))
    assert faithful.stdout is not None
    # A flood may keep newcomers out; who is in must stay.
    assert faithful.stdout.readline() == "connected\n"

    commotion(stack, client, web, dns, queries, seconds)
    warm = memory(stack)
    commotion(stack, client, web, dns, queries, seconds)
    after = memory(stack)

    answered, said = faithful.communicate(timeout=60)
    assert faithful.returncode == 0, said
    assert int(answered) > seconds
    assert stack.running() == before, "nothing has ended or begun again"
    for node in NODES:
        assert not [line for line in console(stack, node) if line["event"] == "fatal"]
        assert after[node] <= warm[node] + SLACK, f"{node} has grown"
    probes = run(
        ["topology", "probe", "--stack", stack.name, "--json"],
        stack.lab.environment,
        cwd=PROJECT,
    )
    assert json.loads(probes.stdout)["counts"]["broken"] == 0


def commotion(stack: Stack, client: Place, web: str, dns: str, queries: Path, seconds: int) -> None:
    """All of it at once, for so many seconds."""
    port = transit_port(stack)
    with contextlib.ExitStack() as running:
        for command in (
            ["wrk", "-t1", "-c50", f"-d{seconds}", f"http://{web}/"],
            ["dnsperf", "-s", dns, "-d", str(queries), "-l", str(seconds), "-c4", "-Q2000"],
            # From addresses that could not be where they come from: no flow begins with these.
            ["hping3", "-q", "-i", "u400", "-S", "-p", "80", "--rand-source", web],
            # From such as could, each from all of its ports: far more than any table holds.
            *(["hping3", "-q", "-i", "u400", "-S", "-p", "80", "-a", one, web] for one in ABSENT),
            ["hping3", "-q", "-i", "u500", "--udp", "-p", "53", "-a", ABSENT[0], dns],
        ):
            process = started(client, *command)
            running.callback(ended, process)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            # Many connections that end in the middle of a reply, without a word.
            vanishing = started(client, "wrk", "-t1", "-c200", "-d60", f"http://{web}/")
            wait(end, 1.5)
            ended(vanishing)
            stack.lab.inside("ip", "link", "set", port, "down")
            wait(end, 0.2)
            stack.lab.inside("ip", "link", "set", port, "up")
            wait(end, 1.0)


def wait(end: float, seconds: float) -> None:
    """Lets the load run, though not beyond its end."""
    time.sleep(max(0.0, min(seconds, end - time.monotonic())))


def started(client: Place, *command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        client.command(command),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )


def ended(process: subprocess.Popen[str]) -> None:
    """Kills a client and what it was started by."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=10)


def transit_port(stack: Stack) -> str:
    """The router's port on the bridge between firewall and router."""
    listed = stack.lab.virsh(stack.variant, "domiflist", stack.domain("router"))
    bridge = stack.outputs()["segments"]["transit"]["bridge"]
    network = stack.outputs()["segments"]["transit"]["network"]
    for line in listed.splitlines():
        interface, _, source, *_ = line.split()
        if source in (bridge, network):
            return interface
    raise AssertionError(f"no port of the router on {bridge}: {listed}")


def console(stack: Stack, node: str) -> list[dict[str, object]]:
    path = Path(stack.outputs()["nodes"][node]["console"])
    return [json.loads(line) for line in path.read_text().splitlines() if line]


def memory(stack: Stack) -> dict[str, int]:
    """Resident bytes of all processes that a node consists of, by node."""
    found = domain_processes(map(stack.domain, NODES))
    return {node: resident(found[stack.domain(node)]).rss for node in NODES}
