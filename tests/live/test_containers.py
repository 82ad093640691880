"""Containers for real: the proof of concept as LXC domains, both kinds of root, both dataplanes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.containers import (
    Bench,
    Container,
    Libvirt,
    cleared,
    eventually,
    planned,
    private_libvirt,
)
from tests.support.golden import PROJECT
from tests.support.marks import LIVE_AS_ROOT
from tests.support.wire import datagram
from topology.image import ensure
from topology.plan.types import ImageRef, RootFilesystem, Variant
from topology.render.domain_xml import CONTAINER_UID
from topology.resolve.types import Dataplane

pytestmark = LIVE_AS_ROOT

ROLES = ("dns", "firewall", "router", "web")
NOBODY = 65534
NET_ADMIN = 1 << 12
WEB, DNS, CLIENT, FIREWALL = "203.0.113.80", "203.0.113.53", "192.0.2.100", "192.0.2.1"
WEB6, DNS6, CLIENT6 = "2001:db8:3::80", "2001:db8:3::53", "2001:db8:1::100"


@pytest.fixture(scope="module")
def images() -> dict[str, ImageRef]:
    return ensure(Variant.CONTAINERS, ROLES, root=PROJECT)


@pytest.fixture(scope="module")
def libvirt() -> Iterator[Libvirt]:
    with private_libvirt() as started:
        yield started


@dataclass(frozen=True)
class Network:
    """The proof of concept, running, with its outside client."""

    bench: Bench
    rootfs: RootFilesystem
    dataplane: Dataplane

    def client(self, *command: str) -> str:
        """What a command prints on the outside client, whether it succeeds or not."""
        return self.bench.libvirt.run(*command, namespace="client", check=False).stdout

    def __getitem__(self, node: str) -> Container:
        return self.bench.containers[node]


@pytest.fixture(
    scope="module",
    params=[
        (RootFilesystem.MOUNT, Dataplane.KERNEL),
        (RootFilesystem.MOUNT, Dataplane.SHARED),
        (RootFilesystem.FILE, Dataplane.KERNEL),
        (RootFilesystem.FILE, Dataplane.SHARED),
    ],
    ids=lambda pair: "-".join(one.value for one in pair),
)
def network(
    request: pytest.FixtureRequest,
    libvirt: Libvirt,
    images: dict[str, ImageRef],
) -> Iterator[Network]:
    rootfs, dataplane = request.param
    deployment = planned(images, rootfs, dataplane)
    with cleared(libvirt) as bench:
        bench.deploy(deployment)
        assert bench.outside(deployment) == "client"
        yield Network(bench, rootfs, dataplane)


def test_the_page_is_served_through_firewall_and_router(network: Network) -> None:
    page = (PROJECT / "content" / "web" / "index.html").read_text(encoding="utf-8")
    assert network.client("curl", "-s", "-m", "5", f"http://{WEB}/") == page
    if network.dataplane is Dataplane.KERNEL:
        assert network.client("curl", "-s", "-m", "5", f"http://[{WEB6}]/") == page


@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
def test_names_are_answered_through_firewall_and_router(network: Network, transport: str) -> None:
    ask = ["dig", "+short", "+time=2", "+tries=2", transport, f"@{DNS}"]
    assert network.client(*ask, "www.poc.example", "A").split() == [WEB]
    assert network.client(*ask, "www.poc.example", "AAAA").split() == [WEB6]
    assert network.client(*ask, "-x", WEB).split() == ["www.poc.example."]


def test_a_connection_carries_many_requests(network: Network) -> None:
    count = 300
    urls = [f"http://{WEB}/?{number}" for number in range(count)]
    pages = network.client("curl", "-s", "-m", "20", *urls)
    page = (PROJECT / "content" / "web" / "index.html").read_text(encoding="utf-8")
    assert pages == count * page


def test_no_echo_crosses_or_reaches_the_firewall(network: Network) -> None:
    before = network["firewall"].counters.get("rule.no-echo", 0)
    for target in (WEB, FIREWALL):
        assert "0 received" in network.client("ping", "-c", "2", "-i", "0.2", "-W", "1", target)
    out = subprocess.run(
        ["nsenter", f"--net={network['web'].process / 'ns/net'}", "ping", "-c1", "-W1", CLIENT],
        capture_output=True,
        text=True,
        check=False,
        timeout=10,
    )
    assert "0 received" in out.stdout
    counters = eventually(
        lambda: (
            found
            if (found := network["firewall"].counters).get("rule.no-echo", 0) >= before + 5
            else None
        ),
        "the firewall counts five echo requests",
    )
    assert counters["rule.no-echo"] == before + 5
    drops = [(one["rule"], one["source"]) for one in network["firewall"].events("drop")]
    assert ("no-echo", CLIENT) in drops
    assert ("no-echo", WEB) in drops


def test_everything_else_is_dropped_and_counted(network: Network) -> None:
    before = network["firewall"].counters.get("rule.default", 0)
    for target, port in ((WEB, 22), (WEB, 53), (DNS, 80), (FIREWALL, 80)):
        connect = ["curl", "-s", "-m", "0.3", "-w", "%{http_code} %{exitcode}", "-o", "/dev/null"]
        # 28: no answer at all, neither an acceptance nor a refusal.
        assert network.client(*connect, f"http://{target}:{port}/") == "000 28"
    eventually(
        lambda: network["firewall"].counters.get("rule.default", 0) >= before + 4,
        "the firewall counts what it dropped by default",
    )


FORGED = {
    "from outside": ("firewall", "external", ((WEB, DNS), (WEB6, DNS6))),
    "from within": ("router", "servers", ((CLIENT, "192.0.2.9"), (CLIENT6, "2001:db8:1::9"))),
}
"""Who drops what claims to be from the other side, where it comes in, its sources and targets."""


@pytest.mark.parametrize("way", sorted(FORGED))
def test_forged_sources_are_dropped_counted_and_told(network: Network, way: str) -> None:
    node, interface, ends = FORGED[way]
    container = network[node]
    before = container.counters.get("dropped.spoofed", 0)
    packets = [datagram(*pair, 53, number) for number, pair in enumerate(ends, 1)]
    send = [sys.executable, "-P", str(PROJECT / "tests/support/wire.py"), "send", *packets]
    if way == "from outside":
        network.client(*send)
    else:
        inside = ["nsenter", f"--net={network['web'].process / 'ns/net'}", *send]
        subprocess.run(inside, check=True, timeout=10)
    eventually(
        lambda: container.counters.get("dropped.spoofed", 0) == before + len(ends),
        f"{node} counts what was forged",
    )
    told = [
        (one["source"], one["destination"], one["interface"])
        for one in container.events("drop")
        if one["rule"] == "reverse_path"
    ]
    assert {(*pair, interface) for pair in ends} <= set(told)


@pytest.mark.parametrize("node", ROLES)
def test_privileges_are_gone_once_it_serves(network: Network, node: str) -> None:
    status = network[node].status
    base = CONTAINER_UID if network.rootfs is RootFilesystem.MOUNT else 0
    uids = {int(uid) for uid in status["Uid"].split()}
    if network.rootfs is RootFilesystem.FILE:
        assert uids == {NOBODY}
    else:
        assert uids <= {base, base + NOBODY}
    # To read the counters of what the kernel drops.
    counts = node in ("firewall", "router") and network.dataplane is Dataplane.KERNEL
    kept = NET_ADMIN if counts else 0
    for capabilities in ("CapPrm", "CapEff", "CapBnd"):
        assert int(status[capabilities], 16) == kept, capabilities
    for capabilities in ("CapInh", "CapAmb"):
        assert int(status[capabilities], 16) == 0, capabilities
    assert (status["NoNewPrivs"], status["Seccomp"], status["Threads"]) == ("1", "2", "1")


@pytest.mark.parametrize("node", ROLES)
def test_the_root_is_read_only_and_holds_nothing_else(network: Network, node: str) -> None:
    root = network[node].process / "root"
    visible = {entry.name for entry in root.iterdir()} - {".oldroot"}
    assert visible == {"config.json", "console", "dev", "init", "proc", "sys"}
    for place in ("new", "init", "config.json"):
        with pytest.raises(OSError, match=r"Read-only file system|Text file busy"):
            (root / place).open("ab")
    if network.rootfs is RootFilesystem.MOUNT:
        mapping = (network[node].process / "uid_map").read_text().split()
        assert mapping == ["0", str(CONTAINER_UID), "65536"]


def test_the_kernel_is_silent_where_the_shared_code_forwards(network: Network) -> None:
    if network.dataplane is Dataplane.KERNEL:
        pytest.skip("here the kernel forwards")
    forwarders = ("firewall", "router")

    def received(node: str) -> str:
        snmp = network[node].enter("cat", "/proc/net/snmp").splitlines()
        names, values = (line.split() for line in snmp if line.startswith("Ip:"))
        return dict(zip(names, values, strict=True))["InReceives"]

    for node in forwarders:
        links = json.loads(network[node].enter("ip", "-json", "address"))
        assert {one["ifname"] for one in links if one["addr_info"]} <= {"lo"}
    # What came before the node took its interfaces over counts too: not nothing, but no more.
    before = {node: received(node) for node in forwarders}
    assert network.client("curl", "-s", "-m", "5", f"http://{WEB}/")
    network.client("ping", "-c", "1", "-W", "0.3", FIREWALL)
    assert {node: received(node) for node in forwarders} == before


@pytest.mark.parametrize("node", ROLES)
def test_an_idle_node_uses_no_processor(network: Network, node: str) -> None:
    process = network[node].process

    def ticks() -> int:
        fields = (process / "stat").read_text().rpartition(") ")[2].split()
        return int(fields[11]) + int(fields[12])

    def used() -> int:
        before = ticks()
        time.sleep(1.5)  # what is measured is this time
        return ticks() - before

    # A neighbour's packet may come in any one of them, though not in all.
    assert any(used() <= 1 for _ in range(3))
