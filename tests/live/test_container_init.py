"""One container for real: the filter that it loads, the faults that it reports, its end."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

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
from tests.support.golden import PROJECT, TESTS
from tests.support.marks import LIVE_AS_ROOT
from tests.support.policies import CASES
from tests.support.wire import datagram
from topology.bench.storage import PAGE, Pattern, Trial, write_data
from topology.image import ensure
from topology.pipeline import require_file
from topology.plan.types import ImageRef, Variant
from topology.render.config import service_config
from topology.resolve.types import Dataplane, ResolvedNode, ReversePath

pytestmark = LIVE_AS_ROOT

ROLES = ("dns", "firewall", "router", "storage", "web")
GOLDEN = TESTS / "golden" / "nftables"


@pytest.fixture(scope="module")
def images() -> dict[str, ImageRef]:
    return ensure(Variant.CONTAINERS, ROLES, root=PROJECT)


@pytest.fixture(scope="module")
def libvirt() -> Iterator[Libvirt]:
    with private_libvirt() as started:
        yield started


@pytest.fixture
def bench(libvirt: Libvirt) -> Iterator[Bench]:
    with cleared(libvirt) as bench:
        yield bench


@pytest.mark.parametrize("golden", sorted(GOLDEN.rglob("*.nft")), ids=lambda path: path.stem)
def test_every_golden_ruleset_is_one_for_nft(golden: Path) -> None:
    subprocess.run(["unshare", "--net", "nft", "--check", "--file", golden], check=True, timeout=20)


def listing(ruleset: str) -> str:
    """A ruleset as nft lists it, numeric, without what the counters say."""
    return re.sub(r" ?packets \d+ bytes \d+", "", ruleset)


def policies() -> dict[str, ResolvedNode]:
    topology = require_file(PROJECT / "poc.yaml")
    return {**CASES, "poc/firewall": topology.nodes["firewall"]}


@pytest.mark.parametrize("case", sorted(policies()))
def test_what_init_loads_is_the_golden_ruleset(
    bench: Bench, images: dict[str, ImageRef], case: str
) -> None:
    deployment = planned(images)
    bench.segments(deployment)
    (domain,) = [one for one in deployment.domains if one.node == "firewall"]
    # The same two interfaces, under the names and addresses of the case.
    node = policies()[case]
    pairs = zip(node.interfaces, domain.nics, strict=True)
    interfaces = tuple(replace(interface, mac=nic.mac) for interface, nic in pairs)
    config = service_config(replace(node, interfaces=interfaces), topology="case")
    container = bench.start(domain, config)
    container.wait_for("ready")

    text = f"nft --file {GOLDEN / case}.nft && nft --numeric list ruleset"
    golden = subprocess.run(
        ["unshare", "--net", "sh", "-c", text],
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    loaded = container.enter("nft", "--numeric", "list", "ruleset")
    assert listing(loaded) == listing(golden.stdout)


FAULTS = {
    "not JSON": "config.json",
    "another kind": "given to a web node",
    "no such interface": "none has the MAC address 02:00:00:00:00:99",
}


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_a_node_that_cannot_start_says_why_and_ends(
    bench: Bench, images: dict[str, ImageRef], fault: str
) -> None:
    deployment = planned(images)
    bench.segments(deployment)
    by_node = {domain.node: domain for domain in deployment.domains}
    web = by_node["web"]
    config = {
        "not JSON": b"{",
        "another kind": by_node["dns"].config,
        "no such interface": web.config.replace(web.nics[0].mac.encode(), b"02:00:00:00:00:99"),
    }[fault]
    container = bench.start(web, config, dies=True)
    assert FAULTS[fault] in container.wait_for("fatal")["reason"]
    eventually(lambda: not container.runs, "init ends")


@pytest.mark.parametrize("server", ["203.0.113.80", "[2001:db8:3::80]"])
def test_a_node_tells_its_neighbours_that_it_took_an_address_over(
    bench: Bench, images: dict[str, ImageRef], server: str
) -> None:
    deployment = planned(images)
    bench.segments(deployment)
    (first,) = [one for one in deployment.domains if one.node == "web"]
    (segment,) = [one for one in deployment.segments if one.name == "servers"]
    bench.client("near", segment.bridge, ["203.0.113.9/24", "2001:db8:3::9/64"], {})
    page = ["curl", "-s", "--fail", "-m", "2", f"http://{server}/"]

    bench.start(first).wait_for("ready")
    assert bench.libvirt.run(*page, namespace="near").stdout
    bench.libvirt.virsh("destroy", first.name)

    # Its neighbour knows the address by a MAC that is gone, and would for half a minute.
    nic = replace(first.nics[0], mac="02:00:00:00:00:99")
    config = first.config.replace(first.nics[0].mac.encode(), nic.mac.encode())
    second = replace(first, name=f"{first.name}-second", nics=(nic,))
    bench.start(second, config).wait_for("ready")
    assert bench.libvirt.run(*page, namespace="near").stdout


@pytest.mark.parametrize("dataplane", list(Dataplane))
def test_forged_sources_pass_where_nobody_looks_at_reverse_paths(
    bench: Bench, images: dict[str, ImageRef], dataplane: Dataplane
) -> None:
    deployment = planned(images, dataplane=dataplane, reverse_path=ReversePath.OFF)
    bench.deploy(deployment)
    client = bench.outside(deployment)
    forged = (("203.0.113.80", "203.0.113.53"), ("2001:db8:3::80", "2001:db8:3::53"))
    packets = [datagram(*pair, 53, number) for number, pair in enumerate(forged, 1)]
    program = str(PROJECT / "tests/support/wire.py")
    bench.libvirt.run(sys.executable, "-P", program, "send", *packets, namespace=client)
    firewall = bench.containers["firewall"]
    eventually(
        lambda: firewall.counters.get("rule.dns-in") == len(forged),
        "the firewall judges them by its rules",
    )
    assert "dropped.spoofed" not in firewall.counters


def test_a_container_ends_when_it_is_asked_to(bench: Bench, images: dict[str, ImageRef]) -> None:
    deployment = planned(images)
    bench.segments(deployment)
    (domain,) = [one for one in deployment.domains if one.node == "web"]
    container = bench.start(domain)
    container.wait_for("ready")
    bench.libvirt.virsh("shutdown", "--mode", "signal", domain.name)
    eventually(lambda: not container.runs, "init ends")
    assert not container.events("fatal")


def trial_of(bench: Bench, images: dict[str, ImageRef], trial: Trial, pages: int) -> Container:
    """A container that reads as the trial says, from so many pages of data."""
    deployment = planned(images)
    bench.segments(deployment)
    (web,) = [one for one in deployment.domains if one.node == "web"]
    storage = replace(web, node="storage", image=images["storage"])
    data = bench.directory / "data"
    write_data(data, pages * PAGE)
    data.chmod(0o644)
    return bench.start(storage, trial.document(), dies=True, data=data)


@pytest.mark.parametrize("direct", [False, True])
def test_a_file_is_read_to_its_end_and_every_page_is_the_right_one(
    bench: Bench, images: dict[str, ImageRef], direct: bool
) -> None:
    trial = Trial(Pattern.RANDOM, PAGE, reads=2000, direct=direct)
    container = trial_of(bench, images, trial, pages=1024)
    counters = container.wait_for("counters")["counters"]
    assert (counters["reads"], counters["bytes"]) == (2000, 2000 * PAGE)
    assert counters["wrong_pages"] == 0
    assert counters["elapsed_us"] > 0
    eventually(lambda: not container.runs, "init ends")


def test_a_trial_longer_than_its_data_is_fatal(bench: Bench, images: dict[str, ImageRef]) -> None:
    trial = Trial(Pattern.RANDOM, 2 * PAGE, reads=1)
    container = trial_of(bench, images, trial, pages=1)
    short = "4096 bytes of data are too few for a read of 8192"
    assert container.wait_for("fatal")["reason"] == short
