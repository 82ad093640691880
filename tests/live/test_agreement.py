"""The model against the wire: flows drawn from it are seen where it says and nowhere else.

Each packet is sent for real from the outside client or a guest beside the servers, through the
running network of each variant, and looked for on every segment's bridge. The segments that it
crosses are compared, so that a wrong verdict and a wrong way both show.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_interface
from pathlib import Path
from queue import Empty, Queue

import pytest

from tests.support.dataplanes import Dataplanes, build_oracle
from tests.support.deployed import Lab, Stack, copy_of_the_project, started_lab
from tests.support.golden import PROJECT
from tests.support.listening import listening
from tests.support.marks import LIVE_AS_ROOT
from tests.support.wire import ipv4, ipv6
from topology.pipeline import require_file
from topology.probe.outputs import SegmentOutput
from topology.probe.places import Place
from topology.reach.samples import Sample, samples
from topology.reach.trace import End
from topology.resolve.types import (
    Address,
    InterfaceAddress,
    Kind,
    Prefix,
    Protocol,
    ResolvedNode,
    ResolvedTopology,
)

pytestmark = LIVE_AS_ROOT

COUNT = 1000
VARIANTS = ("unikernel", "containers")
NUMBERS = {Protocol.ICMP: 1, Protocol.TCP: 6, Protocol.UDP: 17, Protocol.ICMPV6: 58}
PATIENCE = 20.0
"""Seconds without a packet after which nothing more is expected."""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with started_lab() as started:
        yield started


@pytest.fixture(scope="module", params=VARIANTS)
def stack(
    lab: Lab, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    variant = str(request.param)
    copy = copy_of_the_project(tmp_path_factory.mktemp(variant))
    deployed = Stack(f"agree-{variant}", variant, copy, lab)
    deployed.init()
    deployed.up()
    yield deployed
    deployed.destroy()


def with_guests(topology: ResolvedTopology) -> ResolvedTopology:
    """The topology with a stranger beside the end nodes of each segment, routed as they are."""
    nodes = dict(topology.nodes)
    for node in topology.nodes.values():
        (interface, *others) = node.interfaces
        name = f"guest-{interface.segment}"
        if not node.deployed or node.kind.forwards or others or name in nodes:
            continue
        taken = {a.ip for n in topology.nodes.values() for i in n.interfaces for a in i.addresses}
        addresses = tuple(free_address(a.network, taken) for a in interface.addresses)
        own = replace(interface, addresses=addresses, mac="")
        nodes[name] = ResolvedNode(name, Kind.EXTERNAL, node.host, (own,), node.routes)
    return replace(topology, nodes=nodes)


def free_address(network: Prefix, taken: Set[Address]) -> InterfaceAddress:
    """The last address of a prefix that nobody has."""
    numbers = range(int(network.broadcast_address) - 1, int(network.network_address), -1)
    hosts = (network[number - int(network.network_address)] for number in numbers)
    free = next(host for host in hosts if host not in taken)
    return ip_interface(f"{free}/{network.prefixlen}")


def guest_place(stack: Stack, node: ResolvedNode, bridges: Mapping[str, str]) -> Place:
    (interface,) = node.interfaces
    return Place(
        name=f"{stack.name}-{node.name}",
        bridge=bridges[interface.segment],
        addresses=tuple(str(address) for address in interface.addresses),
        routes=tuple((str(r.prefix), str(r.via)) for r in node.routes),
        surroundings=stack.lab.surroundings,
    )


def packet_bytes(sample: Sample, identity: int) -> bytes:
    packet = sample.packet
    assert isinstance(packet.protocol, Protocol)
    rest = (NUMBERS[packet.protocol], packet.port or 0, packet.source_port or 0, identity)
    match packet.source, packet.destination:
        case IPv4Address() as source, IPv4Address() as destination:
            return ipv4(source, destination, *rest)
        case IPv6Address() as source, IPv6Address() as destination:
            return ipv6(source, destination, *rest)
        case ends:
            raise AssertionError(f"two families: {ends}")


def on_the_host(
    drawn: Sequence[Sample], topology: ResolvedTopology, scratch: Path
) -> dict[int, tuple[bool, bool, bool]]:
    """Whether the firewall lets a sample through, by its number from 1: what the model says, what
    the Rust filter does on the host, and what nftables does in a namespace there.

    Samples that no firewall sees are left out.
    """
    firewall = next(node for node in topology.nodes.values() if node.policy is not None)
    segments = sorted(interface.segment for interface in firewall.interfaces)
    arrivals = {}
    for number, sample in enumerate(drawn, 1):
        hop = next((h for h in sample.predicted.hops[1:] if h.node == firewall.name), None)
        if hop is not None and hop.ingress is not None and hop.judgement is not None:
            arrivals[number] = (sample, segments.index(hop.ingress), hop.egress is not None)
    hosts = [sample.packet.destination for sample, _, _ in arrivals.values()]
    own = {a.ip for interface in firewall.interfaces for a in interface.addresses}
    # Whoever a sample is for is found: that somebody is there is no matter of filters.
    there = sorted(set(hosts) - own, key=str)
    dataplanes = Dataplanes(firewall, [there] * len(segments), build_oracle(scratch), scratch)
    macs = dataplanes.world(()).macs
    frames = [
        (port, ethernet(macs[port], packet_bytes(sample, number)))
        for number, (sample, port, _) in arrivals.items()
    ]
    answers = dataplanes.passed(frames)
    return {
        number: (predicted, *both)
        for (number, (_, _, predicted)), both in zip(arrivals.items(), answers, strict=True)
    }


def ethernet(station: bytes, packet: bytes) -> bytes:
    """A frame to a station of the segment."""
    kind = b"\x08\0" if packet[0] >> 4 == 4 else b"\x86\xdd"
    return (station + b"\x02\0\0\0\xff\x01" + kind + packet).ljust(60, b"\0")


def verdicts(answers: tuple[bool, bool, bool] | None) -> str:
    """What was said on the host about a sample."""
    if answers is None:
        return "no firewall on its way"
    named = zip(("model", "rust", "nftables"), answers, strict=True)
    return ", ".join(f"{who} {'permits' if passes else 'drops'}" for who, passes in named)


def test_filters_on_the_host_say_what_the_model_predicts(tmp_path: Path) -> None:
    topology = with_guests(require_file(PROJECT / "poc.yaml"))
    origins = ["client", *sorted(name for name in topology.nodes if name.startswith("guest-"))]
    drawn = samples(topology, origins, COUNT)
    answers = on_the_host(drawn, topology, tmp_path)
    wrong = [
        f"{drawn[number - 1].origin}: {drawn[number - 1].packet}: {verdicts(said)}"
        for number, said in answers.items()
        if len(set(said)) > 1
    ]
    assert not wrong, f"{len(wrong)} of {len(answers)} differ:\n" + "\n".join(wrong[:40])
    assert len(answers) > COUNT // 3
    assert sum(said[0] for said in answers.values()) > 5


def test_what_the_model_predicts_is_what_packets_do(stack: Stack) -> None:
    topology = with_guests(require_file(stack.project / "poc.yaml"))
    outputs = stack.outputs()
    bridges = {
        name: SegmentOutput.model_validate(segment).bridge
        for name, segment in outputs["segments"].items()
    }
    places = {"client": stack.client()}
    for name, node in topology.nodes.items():
        if name.startswith("guest-"):
            places[name] = guest_place(stack, node, bridges)
            places[name].attach()
    drawn = samples(topology, sorted(places), COUNT)
    assert len(drawn) >= COUNT
    segments = {bridge: name for name, bridge in bridges.items()}
    try:
        with listening(stack.lab, list(segments)) as lines:
            seen = exchange(drawn, places, lines, segments)
    finally:
        for name, place in places.items():
            if name != "client":
                place.detach()
    wrong = [
        f"{sample.origin}: {sample.packet}: predicted {sample.predicted.end} on "
        f"{' '.join(sample.seen_on)}, seen on {' '.join(sorted(seen[number])) or 'none'}"
        for number, sample in enumerate(drawn, 1)
        if seen[number] != set(sample.seen_on)
    ]
    assert not wrong, f"{len(wrong)} of {len(drawn)} differ:\n" + "\n".join(wrong[:40])
    for version in (4, 6):
        of_it = [s for s in drawn if s.packet.source.version == version]
        ends = Counter(sample.predicted.end for sample in of_it)
        assert ends[End.DELIVERED] > 100
        assert ends[End.FILTERED] > 100
        assert ends[End.SPOOFED] > 10


def exchange(
    drawn: Sequence[Sample],
    places: Mapping[str, Place],
    lines: Queue[str],
    segments: Mapping[str, str],
) -> dict[int, set[str]]:
    """Sends every sample; the segments that each was seen on, by its number from 1."""
    expected = {
        (
            number,
            NUMBERS[s.packet.protocol],
            str(s.packet.source),
            str(s.packet.destination),
        ): number
        for number, s in enumerate(drawn, 1)
        if isinstance(s.packet.protocol, Protocol)
    }
    seen: dict[int, set[str]] = {number: set() for number in expected.values()}
    for origin, place in places.items():
        mine = [(n, s) for n, s in enumerate(drawn, 1) if s.origin == origin]
        text = "".join(f"{packet_bytes(sample, number).hex()}\n" for number, sample in mine)
        command = place.command([sys.executable, "-m", "tests.support.wire", "send"])
        subprocess.run(command, cwd=PROJECT, input=text, text=True, check=True, timeout=300)
    deadline = time.monotonic() + PATIENCE
    missing = {n for n, s in enumerate(drawn, 1) if s.seen_on}
    while (left := deadline - time.monotonic()) > 0:
        try:
            bridge, identity, protocol, source, destination = lines.get(timeout=left).split()
        except Empty:
            break
        number = expected.get((int(identity), int(protocol), source, destination))
        if number is not None:
            seen[number].add(segments[bridge])
            if seen[number] >= set(drawn[number - 1].seen_on):
                missing.discard(number)
        if not missing:
            # All that must come has come; what must not had as long to show as any.
            deadline = min(deadline, time.monotonic() + 1)
            missing = {-1}
    return seen
