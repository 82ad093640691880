"""The stock network, as a benchmark's reference, keeps the topology's statements as stacks do."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from tests.support.containers import eventually
from tests.support.golden import PROJECT
from tests.support.guests import wires
from tests.support.marks import LIVE_AS_ROOT
from topology.bench.load.bulk import load_packets, load_tcp
from topology.bench.load.dns import load_dns, queries
from topology.bench.load.errors import LoadError
from topology.bench.load.http import load_http
from topology.bench.load.paced import Service, pace
from topology.bench.stock import StockNetwork, stock_network
from topology.bench.tools import provide
from topology.bench.topologies import SINK, with_sink
from topology.pipeline import require_file
from topology.probe.places import Surroundings
from topology.probe.plan import plan_probes
from topology.probe.results import Status
from topology.probe.run import run_probes

pytestmark = LIVE_AS_ROOT


@pytest.fixture(scope="module")
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Surroundings]:
    """Namespaces of the tests' own, as those of a lab are found."""
    provide(PROJECT)
    with wires(tmp_path_factory.mktemp("wires")) as made:
        namespaces = tmp_path_factory.mktemp("namespaces")
        for name in ("net", "mnt"):
            (namespaces / name).symlink_to(f"/proc/{made.pid}/ns/{name}")
        yield Surroundings(namespaces)


@pytest.fixture(scope="module")
def stock(
    surroundings: Surroundings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StockNetwork]:
    """The network of the proof of concept with a sink."""
    folder = tmp_path_factory.mktemp("topology")
    (folder / "topology.yaml").write_text(with_sink(PROJECT / "poc.yaml"))
    shutil.copytree(PROJECT / "content", folder / "content")
    with stock_network(require_file(folder / "topology.yaml"), surroundings) as up:
        yield up


def test_it_keeps_every_statement(stock: StockNetwork) -> None:
    # Nothing listens at the sink until something is sent there.
    probes = [p for p in plan_probes(stock.topology) if p.place is not None and p.target != SINK]
    report = run_probes(
        stock.topology,
        stock.outputs(),
        stack=stock.name,
        uri="",
        surroundings=stock.surroundings,
        probes=probes,
    )
    wrong = [(o.probe, o.seen) for o in report.outcomes if o.status is not Status.SEEN]
    assert not wrong
    assert {o.probe.statement for o in report.outcomes} >= {"nothing-else", "no-ping"}


def test_each_load_says_what_came_through(stock: StockNetwork, tmp_path: Path) -> None:
    client, sink = stock.client("client"), stock.client(SINK)
    (web,), (dns,) = (
        [n for n in stock.topology.nodes.values() if n.kind == kind] for kind in ("web", "dns")
    )
    web_address = web.interfaces[0].addresses[0].ip
    page = f"http://{web_address}/"
    http = load_http(client, page, connections=8, seconds=1, cpus="0")
    assert http.errors == 0
    assert http.body > len(web.resources[0].body)
    closing = load_http(client, page, connections=8, seconds=1, cpus="0", closing=True)
    assert closing.rate < http.rate
    with pytest.raises(LoadError, match=r"'status': [1-9]"):
        load_http(client, f"{page}absent", connections=1, seconds=1, cpus="0")
    data = tmp_path / "queries"
    data.write_text(queries(dns.zones))
    server = dns.interfaces[0].addresses[0].ip
    assert isinstance(server, IPv4Address)
    assert isinstance(web_address, IPv4Address)
    asked = load_dns(client, server, data, seconds=1, cpus="0")
    assert asked.codes.keys() == {"NOERROR", "NXDOMAIN"}
    assert asked.lost == 0
    asks: tuple[tuple[Service, IPv4Address, str], ...] = (
        ("http", web_address, "/"),
        ("dns", server, str(data)),
    )
    for service, address, what in asks:
        paced = pace(client, service, address, what, width=4, rate=500, seconds=1, cpus="0")
        assert (paced.due, paced.answered) == (500, 500)
        assert 0 < paced.latency["p50"] <= paced.latency["p99.9"]
    assert load_tcp(client, sink, seconds=1, cpus=("0", "0")).rate > 1e6
    packets = load_packets(client, sink, seconds=1, cpus=("0", "0"), rate=1000)
    assert packets.received == pytest.approx(1000, rel=0.2)


def test_nothing_is_left(surroundings: Surroundings) -> None:
    """After the block there is neither a namespace, nor an interface, nor a process of it."""
    before = present(surroundings)
    topology = require_file(PROJECT / "examples/two-dmz.yaml")
    with stock_network(topology, surroundings, "passing") as up:
        assert present(surroundings) > before
        numbers = [number for node in up.servers for number in up.processes(node)]
        assert len(numbers) >= 2 * len(up.servers)
    assert present(surroundings) == before
    eventually(lambda: not any(Path(f"/proc/{n}").exists() for n in numbers), "its processes' end")


def present(surroundings: Surroundings) -> set[str]:
    links = surroundings.run(["ip", "-o", "link", "show"]).stdout.splitlines()
    return {line.split()[1] for line in links} | set(
        surroundings.run(["ip", "netns", "list"]).stdout.split()
    )
