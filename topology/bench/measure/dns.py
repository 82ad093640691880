"""DNS: answers a second over UDP, and what is lost meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from topology.bench.load.dns import DnsLoad, load_dns, queries
from topology.bench.load.site import Site
from topology.bench.measure.base import Bench, Figure
from topology.bench.measure.on_site import CONDITIONS, OnSite
from topology.bench.record import Detail, Point, Sample, Subject
from topology.resolve.types import Kind

__all__ = ["Dns", "ask"]


class Dns(OnSite):
    """Answers a second."""

    figure: ClassVar = Figure("dns", "DNS over UDP, answers", "1/s", "higher", headline=True)
    lost: ClassVar = Figure("dns-lost", "DNS queries without an answer", "%", "lower")
    also = (lost,)
    method: ClassVar = (
        "dnsperf, one thread, eight clients, at most 100 queries unanswered; every address of the "
        "zone in turn, and an absent name to two that exist. NOERROR and NXDOMAIN count, nothing "
        f"else. {CONDITIONS}"
    )
    tools: ClassVar[tuple[str, ...]] = ("dnsperf", "nginx", "nsd", "nft")

    def points(self, quick: bool) -> tuple[Point, ...]:
        """Both places."""
        return ({"path": "segment"}, {"path": "through"})

    def measure(
        self, subject: Subject, point: Point, repeat: int, bench: Bench
    ) -> Iterator[Sample]:
        """Asks once."""
        load = ask(self.site(subject), str(point["path"]), bench, self.lasting(bench.quick))
        detail: Detail = {"sent": load.sent, "codes": dict(load.codes)}
        yield self.sample(subject, point, repeat, load.rate, detail=detail)
        yield self.sample(subject, point, repeat, load.lost * 100, figure=self.also[0])


def ask(here: Site, path: str, bench: Bench, seconds: float, rate: int | None = None) -> DnsLoad:
    """Asks a subject's DNS server for what is in its zones, and for what is not."""
    data = bench.scratch / "queries"
    data.write_text(queries(here.node(Kind.DNS).zones), encoding="ascii")
    return load_dns(
        here.place(path),
        here.address(Kind.DNS),
        data,
        seconds=seconds,
        cpus=here.settle(path).load,
        rate=rate,
    )
