"""DNS: answers a second over UDP, and what is lost meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from topology.bench.load.rated import ask
from topology.bench.measure.base import Bench, Figure
from topology.bench.measure.on_site import CONDITIONS, OnSite
from topology.bench.record import Detail, Point, Sample, Subject

__all__ = ["Dns"]


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
        path, seconds = str(point["path"]), self.lasting(bench.quick)
        load = ask(self.site(subject), path, seconds=seconds, scratch=bench.scratch)
        detail: Detail = {"sent": load.sent, "codes": dict(load.codes)}
        yield self.sample(subject, point, repeat, load.rate, detail=detail)
        yield self.sample(subject, point, repeat, load.lost * 100, figure=self.also[0])
