"""The probes' tools against a small network of ours: each sees what is there, and what is not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import pytest

from topology.probe.errors import ProbeError
from topology.probe.places import Place, Surroundings
from topology.probe.plan import (
    EchoAnswered,
    NoAnswer,
    NoEcho,
    OnlyOpen,
    PageServed,
    PathRecorded,
    PortOpen,
    RecordAnswered,
)
from topology.probe.results import Status
from topology.probe.tools import on_the_wire
from topology.resolve.types import Address, Protocol

pytestmark = pytest.mark.live

SERVER = IPv4Address("192.0.2.9")
SERVER6 = IPv6Address("2001:db8:1::9")
BOTH = pytest.mark.parametrize("address", [SERVER, SERVER6])
BODY = b"a page\r\nwith \xff in it"

_SERVE = """
import http.server, socket, sys
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/" else 404)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        self.wfile.write(bytes.fromhex(sys.argv[1]))
    def log_message(self, *arguments): pass
class Server(http.server.HTTPServer):
    address_family = socket.AF_INET6  # and IPv4, which is mapped into it
server = Server(("::", 80), Page)
print("listening", flush=True)
server.serve_forever()
"""
_NAMESPACES = (
    "mount -t tmpfs tmpfs /run && ip link set lo up && ip link add segment type bridge"
    " && ip link set segment up && echo ready && exec sleep infinity"
)
_FIREWALL = (
    "add table inet f; add chain inet f i { type filter hook input priority 0; policy drop; };"
    "add rule inet f i ct state established accept; add rule inet f i tcp dport 80 accept;"
    "add rule inet f i icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept"
)


@pytest.fixture(scope="module")
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Surroundings]:
    command = ["unshare", "--net", "--mount", "--propagation", "private", "sh", "-c", _NAMESPACES]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "ready\n"
        directory = tmp_path_factory.mktemp("ns")
        for kind in ("net", "mnt"):
            (directory / kind).symlink_to(f"/proc/{holder.pid}/ns/{kind}")
        yield Surroundings(directory)
        holder.kill()


@pytest.fixture(scope="module")
def client(surroundings: Surroundings) -> Iterator[Place]:
    place = Place(
        "t-client",
        "segment",
        ("192.0.2.100/24", "2001:db8:1::100/64"),
        mac="02:00:00:00:00:64",
        routes=(("0.0.0.0/0", "192.0.2.9"), ("::/0", "2001:db8:1::9")),
        resolvers=("192.0.2.9",),
        surroundings=surroundings,
    )
    place.attach()
    yield place
    place.detach()


@pytest.fixture(scope="module")
def server(surroundings: Surroundings) -> Iterator[Place]:
    place = Place(
        "t-server", "segment", (f"{SERVER}/24", f"{SERVER6}/64"), surroundings=surroundings
    )
    place.attach()
    command = place.command([sys.executable, "-c", _SERVE, BODY.hex()])
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "listening\n"
        yield place
        process.kill()
    place.detach()


@pytest.fixture
def guarded(server: Place) -> Iterator[Place]:
    assert server.run(["nft", _FIREWALL]).returncode == 0
    yield server
    assert server.run(["nft", "flush", "ruleset"]).returncode == 0


def test_attaching_twice_changes_nothing(client: Place, server: Place) -> None:
    shown = client.run(["ip", "-o", "address"]).stdout, client.run(["ip", "route"]).stdout
    client.run(["ping", "-c", "1", "-W", "1", str(SERVER)])
    known = client.run(["ip", "neigh"]).stdout
    client.attach()
    assert client.run(["ip", "neigh"]).stdout.split()[:5] == known.split()[:5]
    again = client.run(["ip", "-o", "address"]).stdout, client.run(["ip", "route"]).stdout
    assert shown == again
    assert "192.0.2.100/24" in shown[0]
    assert "default via 192.0.2.9" in shown[1]


def test_names_are_asked_of_the_topology_alone(client: Place) -> None:
    outside = Path("/etc/resolv.conf").read_text()
    inside = client.run(["cat", "/etc/resolv.conf"]).stdout
    assert inside.startswith("nameserver 192.0.2.9\n")
    assert Path("/etc/resolv.conf").read_text() == outside


def test_an_absent_bridge_is_named(surroundings: Surroundings) -> None:
    with pytest.raises(ProbeError, match="nowhere") as raised:
        Place("t-lost", "nowhere", ("192.0.2.7/24",), surroundings=surroundings).attach()
    assert "status" in raised.value.hint


def test_the_page_is_compared_byte_by_byte(client: Place, server: Place) -> None:
    url = f"http://[{SERVER6}]/"
    page = PageServed(url, BODY, "text/plain", 6)
    assert on_the_wire(client, page)[0] is Status.SEEN
    url = f"http://{SERVER}/"
    status, seen = on_the_wire(client, PageServed(url, BODY, "text/plain", 4))
    assert (status, seen) == (Status.SEEN, f"200, {len(BODY)} bytes as declared")
    for body, media_type, path, said in (
        (BODY.replace(b"\r", b""), "text/plain", "", "another page"),
        (BODY, "text/html", "", "media type"),
        (BODY, "text/plain", "other", "status 404"),
    ):
        status, seen = on_the_wire(client, PageServed(url + path, body, media_type, 4))
        assert status is Status.BROKEN
        assert said in seen


@BOTH
def test_ports_are_told_apart(client: Place, server: Place, address: Address) -> None:
    assert on_the_wire(client, PortOpen(address, 80))[0] is Status.SEEN
    assert on_the_wire(client, PortOpen(address, 81)) == (Status.BROKEN, "tcp/81 closed")


@BOTH
def test_a_refusal_is_an_answer(client: Place, server: Place, address: Address) -> None:
    status, seen = on_the_wire(client, OnlyOpen(address, frozenset({80}), frozenset()))
    assert status is Status.BROKEN
    assert "tcp/1 closed" in seen
    status, seen = on_the_wire(client, NoAnswer(address, "22,80", "53"))
    assert status is Status.BROKEN
    assert "tcp/22 closed" in seen


@BOTH
def test_silence_is_silence(client: Place, guarded: Place, address: Address) -> None:
    status, seen = on_the_wire(client, OnlyOpen(address, frozenset({80}), frozenset()))
    assert status is Status.SEEN, seen
    status, seen = on_the_wire(client, OnlyOpen(address, frozenset(), frozenset()))
    assert (status, seen) == (Status.BROKEN, "tcp/80 open")
    status, seen = on_the_wire(client, OnlyOpen(address, frozenset({80, 443}), frozenset({53})))
    assert (status, seen) == (Status.BROKEN, "no answer from tcp/443, udp/53")
    assert on_the_wire(client, NoAnswer(address, "22,81", "53"))[0] is Status.SEEN


@BOTH
def test_echo_is_seen_where_it_is(client: Place, server: Place, address: Address) -> None:
    seen = "2 of 2 echo requests answered"
    assert on_the_wire(client, NoEcho(address)) == (Status.BROKEN, seen)
    assert on_the_wire(client, EchoAnswered(address)) == (Status.SEEN, seen)


@BOTH
def test_echo_is_missed_where_it_is_dropped(
    client: Place, guarded: Place, address: Address
) -> None:
    assert on_the_wire(client, NoEcho(address))[0] is Status.SEEN
    assert on_the_wire(client, EchoAnswered(address))[0] is Status.BROKEN


@BOTH
def test_a_path_names_its_hops(client: Place, server: Place, address: Address) -> None:
    assert on_the_wire(client, PathRecorded(address, 80, (address,)))[0] is Status.SEEN
    status, seen = on_the_wire(client, PathRecorded(address, 80, (IPv4Address("192.0.2.1"),)))
    assert status is Status.BROKEN
    assert "not through 192.0.2.1" in seen


def test_a_silent_name_server_is_broken(client: Place, server: Place) -> None:
    question = RecordAnswered(SERVER, Protocol.UDP, "www.poc.example", "A", ("203.0.113.80",))
    status, seen = on_the_wire(client, question)
    assert status is Status.BROKEN
    assert "no servers could be reached" in seen
