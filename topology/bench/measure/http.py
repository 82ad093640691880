"""HTTP: pages a second over connections that last, and connections a second."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from topology.bench.load.http import HttpLoad, load_http
from topology.bench.measure.base import Bench, Chart, Figure
from topology.bench.measure.on_site import CONDITIONS, OnSite
from topology.bench.record import Detail, Point, Sample, Subject

__all__ = ["Connections", "Http", "NewConnections"]


class Http(OnSite):
    """Pages a second."""

    figure: ClassVar = Figure(
        "http",
        "HTTP, pages served",
        "1/s",
        "higher",
        headline=True,
    )
    method: ClassVar = (
        "wrk, one thread, asks for the page again as soon as it has it, over connections that "
        "last. Only whole answers with status 2xx or 3xx count; what fails is in each sample's "
        f"detail. {CONDITIONS} A closed loop: it shows capacity, not latency at a rate."
    )
    tools: ClassVar[tuple[str, ...]] = ("wrk", "nginx", "nsd", "nft")
    closing: ClassVar = False

    def points(self, quick: bool) -> tuple[Point, ...]:
        """Both places, 32 connections."""
        return tuple({"path": path, "connections": 32} for path in ("segment", "through"))

    def measure(
        self, subject: Subject, point: Point, repeat: int, bench: Bench
    ) -> Iterator[Sample]:
        """Loads once."""
        here, path = self.site(subject), str(point["path"])
        load = load_http(
            here.place(path),
            here.page(),
            connections=int(point["connections"]),
            seconds=self.lasting(bench.quick),
            cpus=here.settle(path).load,
            closing=self.closing,
        )
        if load.errors:
            bench.note(f"some requests failed: {load.refused}", self.name, str(subject))
        yield self.sample(subject, point, repeat, load.rate, detail=detail_of(load))


class Connections(Http):
    """Pages a second over few and many connections."""

    figure = Figure(
        "http-connections",
        "HTTP, pages served over few and many connections",
        "1/s",
        "higher",
        chart=Chart.LINE,
        x="connections",
        series="path",
    )

    def points(self, quick: bool) -> tuple[Point, ...]:
        """One connection, and a hundred."""
        paths = ("segment", "through")
        return tuple({"path": path, "connections": count} for count in (1, 100) for path in paths)


class NewConnections(Http):
    """Connections a second."""

    figure = Figure(
        "connections",
        "New TCP connections, each with one request",
        "1/s",
        "higher",
        headline=True,
    )
    method = (
        "wrk asks for the page with `Connection: close`, 32 at a time: each request is a TCP "
        "connection of its own, from SYN to FIN, that the firewall judges and remembers. The "
        f"client may use 64,511 ports. {CONDITIONS}"
    )
    closing = True

    def points(self, quick: bool) -> tuple[Point, ...]:
        """Through the firewall."""
        return ({"path": "through", "connections": 32},)


def detail_of(load: HttpLoad) -> Detail:
    """What explains a rate."""
    return {
        "answers": load.answers,
        "bytes_each": round(load.body, 1),
        "failed": dict(load.refused),
        "closed_loop_us": dict(load.latency),
    }
