"""Each unikernel on QEMU, under each accelerator: boots, serves, says why it dies."""

from __future__ import annotations

import itertools
import json
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.containers import eventually
from tests.support.guests import Guest, Wires, wires
from tests.support.wire import datagram
from topology.bench.storage import PAGE, Pattern, Trial, write_data
from topology.image import ensure, project_root
from topology.platforms.types import Variant

pytestmark = pytest.mark.live

CONFIGS = Path(__file__).parents[1] / "golden/config/poc"
ROLES = ("dns", "firewall", "router", "selftest", "storage", "web")
LEGACY = ",disable-modern=on,disable-legacy=off"
"""A virtio device that has the registers of the time before the standard, and no others."""
WEB = "203.0.113.80"
DNS = "203.0.113.53"


@pytest.fixture(scope="module")
def images() -> dict[str, Path]:
    built = ensure(Variant.UNIKERNEL, ROLES, root=project_root())
    return {role: image.path for role, image in built.items()}


@pytest.fixture(params=["kvm", "tcg"])
def accelerator(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if name == "kvm" and not Path("/dev/kvm").exists():
        pytest.skip("this host has no KVM")
    return name


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Wires]:
    with wires(tmp_path) as made:
        yield made


def config(node: str) -> bytes:
    return (CONFIGS / f"{node}.json").read_bytes()


def refused(guest: Guest, reason: str) -> None:
    """The guest says why it cannot go on, and resets the machine, which ends this QEMU."""
    assert guest.ended() == 0
    assert reason in guest.wait("fatal")["reason"]


def test_the_self_test_powers_off(net: Wires, images: dict[str, Path], accelerator: str) -> None:
    guest = net.boot(images["selftest"], None, accelerator, memory=2)
    assert guest.ended() == 0
    assert [line["event"] for line in guest.lines()] == ["boot", "ready"]
    assert guest.log.read_bytes().startswith(b'\n{"event":"boot"')


@pytest.mark.parametrize("memory", [4, 3000, 5000])
def test_memory_is_what_the_firmware_says(
    net: Wires, images: dict[str, Path], accelerator: str, memory: int
) -> None:
    document = json.loads(config("web"))
    nics = [("servers", document["interfaces"][0]["mac"])]
    guests = [
        net.boot(images["web"], config("web"), accelerator, nics=nics, memory=memory),
        # Ours is for speed: others do.
        net.boot(
            *(images["web"], config("web"), accelerator),
            nics=nics,
            memory=memory,
            firmware="qboot.rom",
        ),
    ]
    for guest in guests:
        guest.wait("ready")


def test_the_clock_is_right(net: Wires, images: dict[str, Path], accelerator: str) -> None:
    def late() -> float:
        """By how many seconds the host's clock and the guest's differ after three."""
        guest = net.boot(images["selftest"], b"3000", accelerator)
        guest.wait("boot")
        start = time.monotonic()
        ready = guest.wait("ready", 30)
        took = time.monotonic() - start
        # The nap ends late by what the host makes it wait, which is not the clock's fault.
        assert took > 2.97
        assert ready["uptime_us"] >= 3_000_000
        uptime: int = ready["uptime_us"]
        return abs(uptime / 1e6 - took)

    # A busy host shows lines late, once in a while; a wrong clock is wrong each time.
    assert any(late() < 0.25 for _ in range(3))


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        (b"panic", "panic: as told"),
        (b"recurse", "stack overflow"),
        (b"exhaust", "memory allocation of 65536 bytes failed: the node needs"),
    ],
)
def test_distress_is_named(
    net: Wires, images: dict[str, Path], accelerator: str, word: bytes, reason: str
) -> None:
    refused(net.boot(images["selftest"], word, accelerator), reason)


def test_web_answers_and_rests(net: Wires, images: dict[str, Path], accelerator: str) -> None:
    net.client("client", "servers", "203.0.113.1/24")
    guest = net.boot_node(images, config("web"), accelerator)
    head = net.run("curl", "-sS", "-i", f"http://{WEB}/", namespace="client")
    assert head.startswith("HTTP/1.1 200 OK\n")
    assert "It works" in head
    closed = net.run("nmap", "-n", "-Pn", "-p81", WEB, namespace="client")
    assert "81/tcp closed" in closed
    load = net.run("wrk", "-t1", "-c64", "-d1", f"http://{WEB}/", namespace="client")
    assert "Socket errors" not in load
    counters = eventually(
        lambda: (line := guest.find("counters")) and line["counters"]["http_requests"] > 100,
        "the load in the counters",
    )
    assert counters

    def rests() -> bool:
        lines, ticks = len(guest.lines()), guest.processor_ticks()
        time.sleep(2)
        return guest.processor_ticks() - ticks <= 4 and len(guest.lines()) - lines <= 1

    # The client has something to say by itself once in a while, which is counted.
    assert any(rests() for _ in range(4))


def test_names_resolve(net: Wires, images: dict[str, Path], accelerator: str) -> None:
    net.client("client", "servers", "203.0.113.1/24")
    net.boot_node(images, config("dns"), accelerator)

    def dig(*arguments: str) -> str:
        return net.run("dig", "+timeout=5", f"@{DNS}", *arguments, namespace="client")

    assert dig("+short", "www.poc.example").split() == [WEB]
    assert dig("+tcp", "+short", "www.poc.example").split() == [WEB]
    assert "status: NXDOMAIN" in dig("absent.poc.example")
    assert "status: REFUSED" in dig("example.org")
    closed = net.run("nmap", "-n", "-Pn", "-sU", "-p54", DNS, namespace="client")
    assert "54/udp closed" in closed


def test_forwarders_let_through_what_they_should(
    net: Wires, images: dict[str, Path], accelerator: str
) -> None:
    net.client("outside", "external", "192.0.2.100/24", "192.0.2.1")
    net.client("inside", "servers", "203.0.113.9/24", "203.0.113.1")
    firewall = net.boot_node(images, config("firewall"), accelerator)
    net.boot_node(images, config("router"), accelerator)
    net.boot_node(images, config("web"), accelerator)
    page = net.run("curl", "-sS", "-m10", f"http://{WEB}/", namespace="outside")
    assert "It works" in page
    # Within the DMZ and to the router there is no firewall in the way.
    net.run("ping", "-c1", "-W5", WEB, namespace="inside")
    net.run("ping", "-c1", "-W5", "198.51.100.2", namespace="inside")
    for namespace, target in [
        ("outside", WEB),
        ("outside", "192.0.2.1"),
        ("inside", "192.0.2.100"),
    ]:
        answer = net.run("ping", "-c2", "-i0.2", "-W1", target, namespace=namespace, check=False)
        assert "2 packets transmitted, 0 received" in answer, f"{namespace} to {target}"
    scan = net.run("nmap", "-n", "-Pn", "-p80,81", WEB, namespace="outside")
    assert "80/tcp open" in scan
    assert "81/tcp filtered" in scan
    drops = [line for line in firewall.lines() if line["event"] == "drop"]
    assert {"no-echo"} <= {line["rule"] for line in drops}
    assert {"external", "transit"} <= {line["interface"] for line in drops}


@pytest.mark.parametrize("looks", [True, False], ids=["strict", "off"])
def test_a_forged_source_passes_only_where_nobody_looks_at_reverse_paths(
    net: Wires, images: dict[str, Path], accelerator: str, looks: bool
) -> None:
    net.client("outside", "external", "192.0.2.100/24", "192.0.2.1")
    document = json.loads(config("firewall"))
    assert document["reverse_path"] == "strict"
    document["reverse_path"] = "strict" if looks else "off"
    firewall = net.boot_node(images, json.dumps(document).encode(), accelerator)
    program = [sys.executable, "-P", str(project_root() / "tests/support/wire.py")]
    net.run(*program, "send", datagram(WEB, DNS, 53, 1), namespace="outside")
    counter = "dropped.spoofed" if looks else "rule.dns-in"

    def counted() -> bool:
        told = [line["counters"] for line in firewall.lines() if line["event"] == "counters"]
        return bool(told) and told[-1].get(counter) == 1

    eventually(counted, f"the firewall counts it as {counter}")
    drops = [(line["rule"], line["interface"], line["source"]) for line in dropped(firewall)]
    assert drops == ([("reverse_path", "external", WEB)] if looks else [])


def dropped(guest: Guest) -> list[dict[str, Any]]:
    return [line for line in guest.lines() if line["event"] == "drop"]


def test_a_wrong_configuration_is_fatal(
    net: Wires, images: dict[str, Path], accelerator: str
) -> None:
    good = json.loads(config("web"))
    wrong_version = json.dumps({**good, "version": 2}).encode()
    unknown_key = json.dumps({**good, "colour": "blue"}).encode()
    web = images["web"]
    nic = [("servers", good["interfaces"][0]["mac"])]
    absent = [("servers", "02:00:00:00:00:01")]
    # Side by side, since each waits a second before its end.
    guests = [
        (net.boot(web, None, accelerator), "no boot module"),
        (net.boot(web, b"{", accelerator), "configuration: "),
        (net.boot(web, wrong_version, accelerator), "configuration: version"),
        (net.boot(web, unknown_key, accelerator), "colour"),
        (net.boot(web, config("dns"), accelerator, nics=nic), "the document of a dns node"),
        (
            net.boot(web, config("web"), accelerator, nics=absent),
            f"no network interface has {nic[0][1]}",
        ),
    ]
    for guest, reason in guests:
        refused(guest, reason)


def with_page(size: int) -> bytes:
    """The web node's document with this many bytes as its page."""
    document = json.loads(config("web"))
    document["web"]["resources"][0]["body"] = "x" * size
    return json.dumps(document).encode()


def test_what_does_not_fit_is_said(net: Wires, images: dict[str, Path], accelerator: str) -> None:
    web, (nic,) = images["web"], json.loads(config("web"))["interfaces"]
    nics = [("servers", nic["mac"])]
    guest = net.boot(web, with_page(2 << 20), accelerator, nics=nics, memory=4)
    refused(guest, "memory allocation of 2097152 bytes failed: the node needs more memory")


def test_a_large_page_is_held_once(net: Wires, images: dict[str, Path], accelerator: str) -> None:
    net.client("client", "servers", "203.0.113.1/24")
    size = 3 << 20
    net.boot_node(images, with_page(size), accelerator)
    asked = ("curl", "-sS", "-m20", "-o", "/dev/null", "-w", "%{http_code} %{size_download}")
    assert net.run(*asked, f"http://{WEB}/", namespace="client") == f"200 {size}"


def page(net: Wires) -> bool:
    """Whether the web server's page is served."""
    asked = ("curl", "-sS", "-m2", f"http://{WEB}/")
    return "It works" in net.run(*asked, namespace="client", check=False)


def test_a_guest_that_cannot_go_on_starts_again(
    net: Wires, images: dict[str, Path], accelerator: str
) -> None:
    net.client("client", "servers", "203.0.113.1/24")
    guest = net.boot_node(images, config("web"), accelerator, restarts=True)
    assert page(net)
    guest.monitor("nmi")
    assert "non-maskable interrupt" in guest.wait("fatal")["reason"]
    eventually(lambda: guest.starts() == 2, "a second start on the console")
    eventually(lambda: page(net), "the page after the second start")
    assert [line["event"] for line in guest.lines()].count("fatal") == 1


def test_a_triple_fault_starts_the_guest_again(
    net: Wires, images: dict[str, Path], accelerator: str
) -> None:
    net.client("client", "servers", "203.0.113.1/24")
    guest = net.boot_node(images, config("web"), accelerator, restarts=True)
    table = re.search(r"IDT= *([0-9a-f]+)", guest.monitor("info registers"))
    assert table
    # No handler is left, not even of the double fault.
    guest.overwrite(int(table[1], 16), bytes(16 * 32))
    guest.monitor("nmi")
    eventually(lambda: guest.starts() == 2, "a second start on the console")
    eventually(lambda: page(net), "the page after the second start")
    # Nobody was left to give a reason: the next life does.
    events = [(line["event"], line.get("reason", "")) for line in guest.lines()]
    (told,) = [index for index, (event, _) in enumerate(events) if event == "fatal"]
    assert "triple fault" in events[told][1]
    assert events[told + 1][0] == "boot"


def test_a_guest_that_always_fails_rests_between_its_starts(
    net: Wires, images: dict[str, Path], accelerator: str
) -> None:
    guest = net.boot(images["selftest"], b"panic", accelerator, restarts=True)
    eventually(lambda: guest.starts() >= 2, "a second start on the console")
    first, ticks, begun = guest.starts(), guest.processor_ticks(), time.monotonic()
    eventually(lambda: guest.starts() >= first + 3, "three more starts on the console")
    # The pause is the guest's own, by its own clock: one start in less is none of a busy host's.
    assert time.monotonic() - begun > 2.5
    assert guest.processor_ticks() - ticks < 150, "half of a processor's time"
    assert {line["reason"].split(" (")[0] for line in guest.lines() if "reason" in line} == {
        "panic: as told"
    }


def test_counters_are_told_to_who_types_on_the_console(
    net: Wires, images: dict[str, Path], accelerator: str
) -> None:
    net.client("client", "servers", "203.0.113.1/24")
    guest = net.boot_node(images, config("web"), accelerator)

    def told() -> list[object]:
        return [line["counters"] for line in guest.lines() if line["event"] == "counters"]

    def answers() -> int:
        """Unasked, no counters are written a second time."""
        lines = told()
        return sum(one == other for one, other in itertools.pairwise(lines))

    with guest.keyboard() as keyboard:
        eventually(lambda: keyboard.type(b"?") and answers(), "counters that did not change")
        # A flood costs neither the console nor the processor, and the page is served meanwhile.
        before, ticks, begun = len(told()), guest.processor_ticks(), time.monotonic()
        assert keyboard.type(bytes(100_000)) > 1000
        while time.monotonic() - begun < 2:
            assert page(net)
            keyboard.type(b"?")
        took = time.monotonic() - begun
        assert 2 <= len(told()) - before <= took * 11 + 2
        assert guest.processor_ticks() - ticks < took * 50


@pytest.mark.parametrize("memory", [4, 64])
def test_memory_of_other_sizes_serves(
    net: Wires, images: dict[str, Path], accelerator: str, memory: int
) -> None:
    net.client("client", "servers", "203.0.113.1/24")
    mac = json.loads(config("web"))["interfaces"][0]["mac"]
    guest = net.boot(
        images["web"], config("web"), accelerator, nics=[("servers", mac)], memory=memory
    )
    guest.wait("ready")
    load = net.run("wrk", "-t1", "-c100", "-d1", f"http://{WEB}/", namespace="client")
    assert "Socket errors" not in load


def test_groups_are_joined_where_a_switch_watches(
    net: Wires, images: dict[str, Path], accelerator: str
) -> None:
    """Else nobody is asked for an address of IPv6 any more once the switch asks who listens."""
    net.client("client", "servers", "203.0.113.9/24")
    net.run("ip", "address", "add", "2001:db8:3::9/64", "dev", "eth0", "nodad", namespace="client")
    for node in ("web", "router"):
        net.boot_node(images, config(node), accelerator)

    def joined() -> set[str]:
        told = json.loads(net.run("bridge", "-json", "mdb", "show", "dev", "servers"))
        return {entry["grp"] for entry in told[0]["mdb"] if entry["port"] != "servers"}

    # Those of the addresses; the web server also has one of its own link.
    groups = {"ff02::1:ff00:80", "ff02::1:ff32:615", "ff02::1:ff00:1"}
    eventually(lambda: groups <= joined(), "the groups that are joined unasked")
    # A switch that has forgotten all of them, and asks once a second as soon as it has an address.
    switch = ("ip", "link", "set", "servers", "type", "bridge")
    net.run(*switch, "mcast_snooping", "0")
    net.run(*switch, "mcast_query_interval", "100", "mcast_query_response_interval", "50")
    net.run(*switch, "mcast_startup_query_interval", "100", "mcast_startup_query_count", "20")
    net.run(*switch, "mcast_querier", "1", "mcast_snooping", "1")
    eventually(lambda: groups <= joined(), "the groups that are joined again")
    for address in ("[2001:db8:3::80]", WEB):
        page = net.run("curl", "-sS", "-m5", f"http://{address}/", namespace="client")
        assert "It works" in page
    net.run("ping", "-c1", "-W5", "2001:db8:3::1", namespace="client")


@pytest.mark.parametrize("merging", ["on", "off"])
def test_legacy_interfaces_serve_and_forward(
    net: Wires, images: dict[str, Path], accelerator: str, merging: str
) -> None:
    merging = f",mrg_rxbuf={merging}"
    net.client("outside", "external", "192.0.2.100/24", "192.0.2.1")
    net.client("client", "servers", "203.0.113.9/24", "203.0.113.1")
    for node in ("firewall", "router", "web"):
        net.boot_node(images, config(node), accelerator, properties=LEGACY, nic_properties=merging)
    for namespace in ("client", "outside"):
        page = net.run("curl", "-sS", "-m10", f"http://{WEB}/", namespace=namespace)
        assert "It works" in page
        load = net.run("wrk", "-t1", "-c32", "-d1", f"http://{WEB}/", namespace=namespace)
        assert "Socket errors" not in load
        answered = re.search(r"(\d+) requests in", load)
        assert answered
        assert int(answered[1]) > 100
    net.run("ping", "-c1", "-W5", "-s1472", "198.51.100.2", namespace="client")


@pytest.mark.parametrize("properties", [",disable-legacy=on", LEGACY], ids=["modern", "legacy"])
@pytest.mark.parametrize(
    ("pattern", "block"), [(Pattern.SEQUENTIAL, 256 * PAGE), (Pattern.RANDOM, PAGE)]
)
def test_a_disk_is_read_to_its_end_and_every_page_is_the_right_one(
    net: Wires,
    images: dict[str, Path],
    accelerator: str,
    tmp_path: Path,
    pattern: Pattern,
    block: int,
    properties: str,
) -> None:
    data = tmp_path / "data"
    write_data(data, 1024 * PAGE)
    trial = Trial(pattern, block, reads=500)
    guest = net.boot(
        images["storage"], trial.document(), accelerator, disk=data, properties=properties
    )
    assert guest.ended(60) == 0
    counters = guest.wait("counters")["counters"]
    assert (counters["reads"], counters["bytes"]) == (500, 500 * block)
    assert counters["wrong_pages"] == 0
    assert 0 < counters["p50_us"] <= counters["p99_us"] <= counters["max_us"]
    with data.open("r+b") as file:
        file.write(bytes(64 * PAGE))
    guest = net.boot(
        images["storage"], trial.document(), accelerator, disk=data, properties=properties
    )
    assert guest.ended(60) == 0
    assert guest.wait("counters")["counters"]["wrong_pages"] > 0


def test_a_trial_that_cannot_be_is_fatal(
    net: Wires, images: dict[str, Path], accelerator: str, tmp_path: Path
) -> None:
    image, trial = images["storage"], Trial(Pattern.RANDOM, 2 * PAGE, reads=1)
    refused(net.boot(image, b"", accelerator), "trial: ")
    refused(net.boot(image, trial.document(), accelerator), "there is no disk")
    data = tmp_path / "data"
    write_data(data, PAGE)
    short = "4096 bytes of data are too few for a read of 8192"
    refused(net.boot(image, trial.document(), accelerator, disk=data), short)
