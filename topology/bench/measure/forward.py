"""Forwarding: TCP in bulk and small packets, through firewall and router."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from topology.bench.load.bulk import load_packets, load_tcp
from topology.bench.load.errors import LoadError
from topology.bench.measure.base import Bench, Figure
from topology.bench.measure.on_site import CONDITIONS, OnSite
from topology.bench.record import Point, Sample, Subject
from topology.probe.places import Place

__all__ = ["Forwarding"]

_OFFLOADS = ("tx", "tso", "gso", "gro")


class Forwarding(OnSite):
    """Bits a second, and packets."""

    figure: ClassVar = Figure(
        "tcp", "TCP through firewall and router", "Gb/s", "higher", headline=True
    )
    again: ClassVar = Figure("tcp-again", "TCP segments sent again", "segments", "lower")
    packets: ClassVar = Figure(
        "packets", "Frames of 64 bytes through firewall and router", "1/s", "higher", headline=True
    )
    lost: ClassVar = Figure("packets-lost", "Frames of 64 bytes lost", "%", "lower")
    also = (again, packets, lost)
    method: ClassVar = (
        "iperf3 from the outside client to a sink in the DMZ. TCP: one connection, the first "
        "second left out; with offloads off the client and the sink neither segment nor merge nor "
        "leave checksums to others, so that every frame is forwarded by itself. Small frames: UDP "
        "datagrams of 18 bytes, sent as fast as the client can; what arrives counts, and the "
        "sample's detail says what was sent, since the sender and the sink are part of the limit. "
        f"{CONDITIONS}"
    )
    tools: ClassVar[tuple[str, ...]] = ("iperf3", "ethtool", "nginx", "nsd", "nft")
    needs_sink = True

    def points(self, quick: bool) -> tuple[Point, ...]:
        """Offloads on and off; small frames go with the first."""
        return ({"offloads": "on"}, {"offloads": "off"})

    def cost(self, subject: Subject, point: Point, quick: bool) -> float:
        """One second more, which does not count, and the small frames."""
        both = 2 if point["offloads"] == "on" else 1
        return both * super().cost(subject, point, quick) + 1.1

    def setup_cost(self, subject: Subject, quick: bool) -> float:
        """Its places alone: that of processor time, before it, has deployed the same network."""
        return 2.0

    def measure(
        self, subject: Subject, point: Point, repeat: int, bench: Bench
    ) -> Iterator[Sample]:
        """Transfers once, then sends small frames."""
        here = self.site(subject)
        client, sink = here.place("through"), here.sink()
        for place in (client, sink):
            offload(place, str(point["offloads"]))
        at, seconds = here.settle("through"), self.lasting(bench.quick)
        bulk = load_tcp(client, sink, seconds=seconds, cpus=(at.load, at.serve))
        yield self.sample(subject, point, repeat, bulk.rate / 1e9)
        yield self.sample(subject, point, repeat, bulk.retransmitted, figure=self.again)
        if point["offloads"] == "on":
            small = load_packets(client, sink, seconds=seconds, cpus=(at.load, at.serve))
            sent = {"sent": round(small.sent)}
            yield self.sample(subject, {}, repeat, small.received, figure=self.packets, detail=sent)
            yield self.sample(subject, {}, repeat, small.lost * 100, figure=self.lost)


def offload(place: Place, state: str) -> None:
    """Turns a place's offloads `on` or `off`."""
    settings = [word for name in _OFFLOADS for word in (name, state)]
    done = place.run(["ethtool", "-K", "eth0", *settings])
    if done.returncode != 0:
        raise LoadError(f"ethtool: {done.stderr.strip()}")
