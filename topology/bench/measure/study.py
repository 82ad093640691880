"""The study's first scenario: a hundred connections, the rate raised until the service gives in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from topology.bench.load.paced import Service
from topology.bench.load.rated import Rated, at_rate
from topology.bench.measure.base import Bench, Chart, Figure, Section
from topology.bench.measure.on_site import CONDITIONS, OnSite
from topology.bench.record import Point, Sample, Subject

__all__ = ["Climb", "holds", "steps"]

_CONNECTIONS = 100
_STEP, _STUDY, _FURTHER = 100, 4000, 1.25
"""The study's step, where its own range ends (a second), and how it goes on from there."""

_EACH, _FURTHER_EACH = 0.1, 0.4
"""Seconds at each rate of the study's, and at each beyond: there services give in, and a queue that
grows has to be seen to grow."""

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
        "sockets): 100, 200, … 4,000 a second, the study's steps and range (every fifth in a quick "
        "run), for 0.1 s each, then a quarter more each time, for 0.4 s each. A rate is "
        "held where at most 1 % is lost and 99 % is answered within 100 ms of when it was due. The "
        "climb ends at the second rate in a row that is not held, or where the sender itself "
        "cannot keep the rate (then the limit is the sender's, a note says so, and the figure is "
        f"the least that the service can do). {CONDITIONS}"
    )
    tools: ClassVar[tuple[str, ...]] = ("pace", "nginx", "nsd", "nft")
    warmup: ClassVar[int] = 0  # its own low rates are

    def points(self, quick: bool) -> tuple[Point, ...]:
        """Both services."""
        return ({"service": "http"}, {"service": "dns"})

    def cost(self, subject: Subject, point: Point, quick: bool) -> float:
        """Forty steps of the study's (eight, if quick), and some nine beyond.

        What a unikernel loses at the end is waited for.
        """
        waits = 3.0 if subject is Subject.UNIKERNEL else 0.0
        return (8 if quick else 40) * (_EACH + 0.04) + 9 * (_FURTHER_EACH + 0.04) + waits

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
                seconds=_EACH if rate <= _STUDY else _FURTHER_EACH,
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
