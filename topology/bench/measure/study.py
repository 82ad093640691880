"""The study's first scenario: a hundred connections, the rate raised until the service gives in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from topology.bench.load.paced import Service
from topology.bench.load.rated import Rated, at_rate
from topology.bench.measure.base import Bench, Chart, Figure, Section
from topology.bench.measure.on_site import CONDITIONS, OnSite
from topology.bench.record import Point, Sample, Subject
from topology.bench.statistics import FEWEST

__all__ = ["Climb", "holds", "steps"]

_CONNECTIONS = 100
_STEP, _STUDY, _FURTHER = 100, 4000, 1.25
"""The study's step, where its own range ends (a second), and how it goes on from there."""

_EACH = 0.25
"""Seconds at each rate."""

_LOST = 0.01
_SLOW = 100_000.0
"""Microseconds: the study's failing servers were at 118 ms."""

_GIVEN_UP = 2
_MOST = 1_000_000


class Climb(OnSite):
    """The highest rate that is held, and what every rate below it gave."""

    figure: ClassVar = Figure(
        "study",
        "Highest rate held, 100 connections",
        "1/s",
        "higher",
        headline=True,
        at={"service": "http"},
    )
    achieved: ClassVar = Figure(
        "study-achieved", "Answers at a rate, 100 connections", "1/s", "higher",
        chart=Chart.LINE, x="rate", series="service", logarithmic=True,
    )  # fmt: skip
    latency: ClassVar = Figure(
        "study-latency", "Half of the answers at a rate within, 100 connections", "µs", "lower",
        chart=Chart.LINE, x="rate", series="service", logarithmic=True,
    )  # fmt: skip
    also = (achieved, latency)
    section: ClassVar[Section] = Section.STUDY
    method: ClassVar = (
        "The outside client asks through firewall and router over 100 connections (DNS: 100 "
        "sockets), a quarter of a second at each rate: 100, 200, … 4,000 a second, the study's "
        "steps and range (every fifth in a quick run), then a quarter more each time. A rate is "
        "held where at most 1 % is lost and 99 % is answered within 100 ms of when it was due. The "
        "climb ends at the second rate in a row that is not held, or where the sender itself "
        "cannot keep the rate (then the limit is the sender's, a note says so, and the figure is "
        f"the least that the service can do). {CONDITIONS}"
    )
    tools: ClassVar[tuple[str, ...]] = ("pace", "nginx", "nsd", "nft")

    def points(self, quick: bool) -> tuple[Point, ...]:
        """Both services."""
        return ({"service": "http"}, {"service": "dns"})

    def repeats(self, quick: bool) -> int:
        """As many as a conclusion needs: a climb is long."""
        return 1 if quick else FEWEST

    def cost(self, subject: Subject, point: Point, quick: bool) -> float:
        """Forty steps of the study's (eight, if quick), and some ten beyond."""
        return ((8 if quick else 40) + 12) * (_EACH + 0.08)

    def measure(
        self, subject: Subject, point: Point, repeat: int, bench: Bench
    ) -> Iterator[Sample]:
        """Climbs once."""
        service: Service = "http" if point["service"] == "http" else "dns"
        held, failed = 0.0, 0
        for rate in steps(bench.quick):
            load = at_rate(
                self.site(subject),
                service,
                "through",
                rate,
                seconds=_EACH,
                scratch=bench.scratch,
                width=_CONNECTIONS,
            )
            if load.short:
                text = (
                    f"the climb ended at {rate} a second ({service}), at the sender's own limit: "
                )
                bench.note(text + load.short, self.name, str(subject))
                break
            here = {**point, "rate": rate}
            detail = {"lost": round(load.lost, 6), **load.latency}
            yield self.sample(
                subject, here, repeat, load.achieved, figure=self.achieved, detail=detail
            )
            yield self.sample(subject, here, repeat, load.latency["p50"], figure=self.latency)
            if holds(load):
                held, failed = load.achieved, 0
            elif (failed := failed + 1) == _GIVEN_UP:
                break
        yield self.sample(subject, point, repeat, held)


def holds(load: Rated) -> bool:
    """Whether a service does what it is asked at a rate."""
    return load.lost <= _LOST and load.latency["p99"] <= _SLOW


def steps(quick: bool) -> Iterator[int]:
    """The rates, in order."""
    step = _STEP * 5 if quick else _STEP
    rate = step
    while rate <= _MOST:
        yield rate
        rate = rate + step if rate < _STUDY else round(rate * _FURTHER)
