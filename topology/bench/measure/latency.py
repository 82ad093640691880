"""Latency in an open loop: at rates that are the same for all, and at shares of each one's most."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from topology.bench.load.errors import LoadError
from topology.bench.load.paced import Service
from topology.bench.load.rated import at_rate, capacity
from topology.bench.measure.base import Bench, Chart, Figure
from topology.bench.measure.on_site import CONDITIONS, OnSite
from topology.bench.record import Point, Sample, Subject

__all__ = ["DnsLatency", "DnsLatencyAtShares", "HttpLatency", "HttpLatencyAtShares"]

_PERCENTILES = ("p50", "p99", "p99.9")

_METHOD = (
    "Each request is due at its time, whatever became of those before, and its latency counts from "
    "then (no coordinated omission); one that fails or is lost counts until two seconds after the "
    "last was due. The sender, pace, polls the clock instead of sleeping, so that nothing is "
    "rounded by timers; its own lateness is in each sample's detail, and where half of it is above "
    f"a millisecond there is no figure. 32 connections, or sockets. {CONDITIONS}"
)


class _Latency(OnSite):
    """What both services and both kinds of rates have in common."""

    service: ClassVar[Service]

    def rate(self, subject: Subject, point: Point) -> int:
        """The rate at a point, a second."""
        return int(point["rate"])

    def measure(
        self, subject: Subject, point: Point, repeat: int, bench: Bench
    ) -> Iterator[Sample]:
        """Asks at the rate once."""
        rate = self.rate(subject, point)
        load = at_rate(
            self.site(subject),
            self.service,
            str(point["path"]),
            rate,
            seconds=self.lasting(bench.quick),
            scratch=bench.scratch,
        )
        if load.short:
            raise LoadError(f"{rate} a second are more than the sender can: {load.short}")
        detail = {"rate": rate, "achieved": round(load.achieved), "lost": round(load.lost, 6)}
        for name, figure in zip(_PERCENTILES, self.figures, strict=True):
            yield self.sample(
                subject,
                point,
                repeat,
                load.latency[name],
                figure=figure,
                detail={**detail, "lag": dict(load.lag)},
            )


class HttpLatency(_Latency):
    """HTTP at common rates."""

    service: ClassVar[Service] = "http"
    rates: ClassVar = {"segment": (1000, 10_000, 20_000), "through": (1000, 10_000)}
    figure: ClassVar = Figure(
        "http-latency", "HTTP at a fixed rate, half within", "µs", "lower", chart=Chart.LINE,
        x="rate", series="path", logarithmic=True,
    )  # fmt: skip
    also = (
        Figure(
            "http-latency-p99", "HTTP at a fixed rate, 99 % within", "µs", "lower",
            chart=Chart.LINE, x="rate", series="path", logarithmic=True,
        ),
        Figure(
            "http-latency-p999", "HTTP at a fixed rate, 99.9 % within", "µs", "lower",
            chart=Chart.LINE, x="rate", series="path", logarithmic=True,
        ),
    )  # fmt: skip
    method: ClassVar = _METHOD
    tools: ClassVar[tuple[str, ...]] = ("pace", "nginx", "nsd", "nft")

    def points(self, quick: bool) -> tuple[Point, ...]:
        """Few rates on the segment first; through both, what the slowest carries or nearly so."""
        most = 2 if quick else None
        return tuple(
            {"path": p, "rate": r} for p, rates in self.rates.items() for r in rates[:most]
        )


class DnsLatency(HttpLatency):
    """DNS at common rates."""

    service = "dns"
    figure = Figure(
        "dns-latency", "DNS at a fixed rate, half within", "µs", "lower", chart=Chart.LINE,
        x="rate", series="path", logarithmic=True,
    )  # fmt: skip
    also = (
        Figure(
            "dns-latency-p99", "DNS at a fixed rate, 99 % within", "µs", "lower",
            chart=Chart.LINE, x="rate", series="path", logarithmic=True,
        ),
        Figure(
            "dns-latency-p999", "DNS at a fixed rate, 99.9 % within", "µs", "lower",
            chart=Chart.LINE, x="rate", series="path", logarithmic=True,
        ),
    )  # fmt: skip


class HttpLatencyAtShares(_Latency):
    """HTTP at shares of each subject's own capacity."""

    service: ClassVar[Service] = "http"
    shares: ClassVar[tuple[int, ...]] = (50, 90)
    figure: ClassVar = Figure(
        "http-share", "HTTP at a share of its own most, half within", "µs", "lower",
        chart=Chart.LINE, x="share", series="path", logarithmic=True,
    )  # fmt: skip
    also = (
        Figure(
            "http-share-p99", "HTTP at a share of its own most, 99 % within", "µs", "lower",
            headline=True, at={"share": 50}, chart=Chart.LINE, x="share", series="path",
            logarithmic=True,
        ),
        Figure(
            "http-share-p999", "HTTP at a share of its own most, 99.9 % within", "µs", "lower",
            chart=Chart.LINE, x="share", series="path", logarithmic=True,
        ),
    )  # fmt: skip
    method: ClassVar = (
        "As at fixed rates, the rate being a share (%) of what the subject served in a closed loop "
        "of two seconds when the measure began: a subject that serves more is asked more. "
        + _METHOD
    )
    tools: ClassVar[tuple[str, ...]] = ("pace", "wrk", "nginx", "nsd", "nft")

    def __init__(self) -> None:
        super().__init__()
        self._most: dict[tuple[Subject, str], float] = {}

    def repeats(self, quick: bool) -> int:
        """Ten where one of its figures is a headline, though not the one it is named by."""
        headline = any(one.headline for one in self.figures)
        return 1 if quick else 10 if headline else super().repeats(quick)

    def points(self, quick: bool) -> tuple[Point, ...]:
        """Half load first."""
        shares = self.shares[: 1 if quick else None]
        return tuple({"path": p, "share": s} for s in shares for p in ("segment", "through"))

    def setup_cost(self, subject: Subject, quick: bool) -> float:
        """The capacity of both places besides."""
        return super().setup_cost(subject, quick) + 5.0

    def prepare(self, subject: Subject, bench: Bench) -> None:
        """Brings the network up, and sees what each place takes at most."""
        super().prepare(subject, bench)
        for path in ("segment", "through"):
            self._most[subject, path] = capacity(
                self.site(subject), self.service, path, seconds=2, scratch=bench.scratch
            )

    def rate(self, subject: Subject, point: Point) -> int:
        """The share of the most that was seen, at least one."""
        most = self._most[subject, str(point["path"])]
        return max(1, round(most * float(point["share"]) / 100))


class DnsLatencyAtShares(HttpLatencyAtShares):
    """DNS at shares of each subject's own capacity."""

    service = "dns"
    shares = (50,)
    figure = Figure(
        "dns-share", "DNS at a share of its own most, half within", "µs", "lower",
        series="path",
    )  # fmt: skip
    also = (
        Figure(
            "dns-share-p99", "DNS at a share of its own most, 99 % within", "µs", "lower",
            series="path",
        ),
        Figure(
            "dns-share-p999", "DNS at a share of its own most, 99.9 % within", "µs", "lower",
            series="path",
        ),
    )  # fmt: skip
    tools = ("pace", "dnsperf", "nginx", "nsd", "nft")
