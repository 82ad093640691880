"""Forwarding: TCP in bulk and small packets, through firewall and router."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from topology.bench.load.bulk import load_packets, load_tcp
from topology.bench.load.errors import LoadError
from topology.bench.load.site import Site
from topology.bench.measure.base import Bench, Figure
from topology.bench.measure.on_site import CONDITIONS, OnSite
from topology.bench.record import Point, Sample, Subject
from topology.probe.places import Place

__all__ = ["SmallPackets", "TcpBulk"]

_TOOLS = ("iperf3", "ethtool", "nginx", "nsd", "nft")
_OFFLOADS = ("tx", "tso", "gso", "gro")


class TcpBulk(OnSite):
    """Bits a second."""

    figure: ClassVar = Figure(
        "tcp", "TCP through firewall and router", "Gb/s", "higher", headline=True
    )
    again: ClassVar = Figure("tcp-again", "TCP segments sent again", "", "lower")
    also = (again,)
    method: ClassVar = (
        "iperf3, one connection from the outside client to a sink in the DMZ, the first second "
        "left out. Offloads off: the client and the sink neither segment nor merge nor leave "
        f"checksums to others, so that every frame is forwarded by itself. {CONDITIONS}"
    )
    tools: ClassVar[tuple[str, ...]] = _TOOLS
    needs_sink = True

    def points(self, quick: bool) -> tuple[Point, ...]:
        """Offloads on and off."""
        return ({"offloads": "on"}, {"offloads": "off"})

    def cost(self, subject: Subject, point: Point, quick: bool) -> float:
        """One second more, which does not count."""
        return super().cost(subject, point, quick) + 1

    def measure(
        self, subject: Subject, point: Point, repeat: int, bench: Bench
    ) -> Iterator[Sample]:
        """Transfers once."""
        here = self.site(subject)
        client, sink = ends(here)
        for place in (client, sink):
            offload(place, str(point["offloads"]))
        at = here.settle("through")
        load = load_tcp(client, sink, seconds=self.lasting(bench.quick), cpus=(at.load, at.serve))
        yield self.sample(subject, point, repeat, load.rate / 1e9)
        yield self.sample(subject, point, repeat, load.retransmitted, figure=self.also[0])


class SmallPackets(OnSite):
    """Packets a second."""

    figure: ClassVar = Figure(
        "packets", "Frames of 64 bytes through firewall and router", "1/s", "higher", headline=True
    )
    lost: ClassVar = Figure("packets-lost", "Frames of 64 bytes lost", "%", "lower")
    also = (lost,)
    method: ClassVar = (
        "iperf3 sends UDP datagrams of 18 bytes as fast as one core can, from the outside client "
        "to a sink in the DMZ; what arrives counts. The sender and the sink are part of the "
        f"limit: the sample's detail says what was sent. {CONDITIONS}"
    )
    tools: ClassVar[tuple[str, ...]] = _TOOLS
    needs_sink = True

    def points(self, quick: bool) -> tuple[Point, ...]:
        """As many as go."""
        return ({},)

    def measure(
        self, subject: Subject, point: Point, repeat: int, bench: Bench
    ) -> Iterator[Sample]:
        """Sends once."""
        here = self.site(subject)
        client, sink = ends(here)
        at = here.settle("through")
        load = load_packets(
            client, sink, seconds=self.lasting(bench.quick), cpus=(at.load, at.serve)
        )
        detail = {"sent": round(load.sent)}
        yield self.sample(subject, point, repeat, load.received, detail=detail)
        yield self.sample(subject, point, repeat, load.lost * 100, figure=self.also[0])


def ends(here: Site) -> tuple[Place, Place]:
    """The outside client and the sink."""
    return here.place("through"), here.sink()


def offload(place: Place, state: str) -> None:
    """Turns a place's offloads `on` or `off`."""
    settings = [word for name in _OFFLOADS for word in (name, state)]
    done = place.run(["ethtool", "-K", "eth0", *settings])
    if done.returncode != 0:
        raise LoadError(f"ethtool: {done.stderr.strip()}")
