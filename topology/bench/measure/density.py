"""Many instances at once, and random ones killed and started again: the study's second scenario."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Iterator, Mapping
from typing import ClassVar

from topology.bench.fleet.fleet import Fleet, fleet
from topology.bench.fleet.memory import memory, resident
from topology.bench.measure.base import Bench, Chart, Figure, Measure, Section
from topology.bench.record import Point, Sample, Subject

__all__ = ["Density", "Most"]

WORKERS = 4
"""Creates under way at once: what `pulumi up` does on two cores."""

_MIB = 1 << 20

_KILLED = 10
"""Instances that are killed and started again while the others run."""

_EACH: Mapping[Subject, tuple[float, float]] = {
    Subject.UNIKERNEL: (0.39, 1.0),
    Subject.CONTAINERS: (0.16, 0.2),
    Subject.RUNC: (0.09, 0.1),
    Subject.STOCK: (0.03, 0.05),
}
"""Seconds that one costs among many, and one that is killed and started again, on two cores."""

_INTERVAL = 0.004
"""Seconds between two questions to an instance that does not answer yet."""

_SETTLE = 2.0
"""Seconds of rest before memory is read: a just booted guest still writes."""

_RESERVE = 0.1
"""Part of the machine's memory that stays free."""

_LIMIT = 1000
"""A Linux bridge has 1,023 ports."""


class Density(Measure):
    """Time to the reply of each of N, memory of all of them, and churn among them."""

    figure: ClassVar = Figure(
        "density",
        "Start of one among many: median",
        "ms",
        "lower",
        headline=True,
        at={"instances": 100},
        chart=Chart.LINE,
        x="instances",
    )
    total = Figure(
        "density-total",
        "All of them started and answering",
        "s",
        "lower",
        chart=Chart.LINE,
        x="instances",
    )
    each = Figure(
        "density-each", "Start of one among many: each", "ms", "lower", series="instances"
    )
    held = Figure(
        "density-memory",
        "Memory that one among many takes",
        "MiB",
        "lower",
        headline=True,
        at={"instances": 100},
        chart=Chart.LINE,
        x="instances",
    )
    pss = Figure(
        "density-pss",
        "Proportional set of one among many",
        "MiB",
        "lower",
        chart=Chart.LINE,
        x="instances",
    )
    churn = Figure(
        "churn",
        "Killed and started again among many: median",
        "ms",
        "lower",
        headline=True,
        at={"instances": 100},
        chart=Chart.LINE,
        x="instances",
    )
    churned = Figure(
        "churn-each",
        "Killed and started again among many: each",
        "ms",
        "lower",
        series="instances",
    )
    also = (total, each, held, pss, churn, churned)
    section = Section.STUDY
    subjects = (Subject.UNIKERNEL, Subject.CONTAINERS, Subject.RUNC, Subject.STOCK)
    method = (
        "N web servers on one bridge are started, four at a time, each by a worker that waits for "
        "the first right answer of its own before it starts the next; then they rest for 2 s, and "
        "the memory that the machine has less is shared out, which counts the kernel's part "
        "but not the page cache, and beside it the proportional set of the processes. Then 10 "
        "of them, drawn with a seed that the repeat gives, are killed one after the other and "
        "started again at once, timed from the create call to the right answer in total "
        "milliseconds (the study's script drops whole seconds). The kill itself is not timed. All "
        "on one machine: creates share its cores with the nodes that run."
    )
    tools = ("ip", "nginx", "runc")
    warmup = 0

    def points(self, quick: bool) -> tuple[Point, ...]:
        """The study's counts."""
        return tuple({"instances": count} for count in ((10,) if quick else (10, 50, 100, 140)))

    def repeats(self, quick: bool) -> int:
        """Each gives hundreds of starts."""
        return 1 if quick else 5

    def cost(self, subject: Subject, point: Point, quick: bool) -> float:
        """Starts and stops, which go four at a time, and churn, which does not; from a record."""
        each, again = _EACH[subject]
        return _SETTLE + 2.0 + int(point["instances"]) * each + _killed(point) * again

    def measure(
        self, subject: Subject, point: Point, repeat: int, bench: Bench
    ) -> Iterator[Sample]:
        """Fills a bridge, stirs it, empties it."""
        count = int(point["instances"])
        with fleet(bench, subject, count, interval=_INTERVAL) as chosen:
            before = memory()
            began = time.monotonic()
            replies = chosen.start_all(chosen.instances, WORKERS)
            total = time.monotonic() - began
            time.sleep(_SETTLE)
            held = before.available - memory().available
            found = chosen.starter.processes(chosen.instances)
            shared = resident(process for one in found.values() for process in one).pss
            again = list(_churn(chosen, _killed(point), seed=repeat * 1000 + count))
        starts = [reply.seconds * 1000 for reply in replies]
        yield self.sample(subject, point, repeat, statistics.median(starts))
        yield self.sample(subject, point, repeat, total, figure=self.total)
        for value in starts:
            yield self.sample(subject, point, repeat, value, figure=self.each)
        yield self.sample(subject, point, repeat, held / count / _MIB, figure=self.held)
        yield self.sample(subject, point, repeat, shared / count / _MIB, figure=self.pss)
        yield self.sample(subject, point, repeat, statistics.median(again), figure=self.churn)
        for value in again:
            yield self.sample(subject, point, repeat, value, figure=self.churned)


class Most(Measure):
    """As many as fit."""

    figure: ClassVar = Figure(
        "most", "Instances that run at once", "instances", "higher", chart=Chart.NONE
    )
    held = Figure("most-memory", "Memory that each of them takes", "MiB", "lower", chart=Chart.NONE)
    also = (held,)
    section = Section.STUDY
    subjects = (Subject.UNIKERNEL, Subject.CONTAINERS)
    method = (
        "Web servers are started, four at a time, until a tenth of the machine's memory is left, "
        "the bridge is full at 1,000, or the time for it is over (40 s); what said stop is "
        "recorded beside the figure, which is a count of running nodes only where memory did."
    )
    tools = Density.tools
    warmup = 0

    def points(self, quick: bool) -> tuple[Point, ...]:
        """Not in a quick run."""
        return () if quick else ({"seconds": 40},)

    def repeats(self, quick: bool) -> int:
        """It takes the whole machine."""
        return 1

    def cost(self, subject: Subject, point: Point, quick: bool) -> float:
        """The time for it, and as much again to stop them all."""
        return float(point["seconds"]) * 1.8

    def measure(
        self, subject: Subject, point: Point, repeat: int, bench: Bench
    ) -> Iterator[Sample]:
        """Starts until something says stop."""
        with fleet(bench, subject, _LIMIT, interval=_INTERVAL) as chosen:
            before = memory()
            deadline = time.monotonic() + float(point["seconds"])
            stop = "bridge"
            for first in range(0, _LIMIT, WORKERS * 4):
                if memory().available < before.total * _RESERVE:
                    stop = "memory"
                    break
                if time.monotonic() > deadline:
                    stop = "time"
                    break
                chosen.start_all(chosen.instances[first : first + WORKERS * 4], WORKERS)
            time.sleep(_SETTLE)
            count, after = len(chosen.running), memory()
        detail = {"stopped_by": stop}
        yield self.sample(subject, point, repeat, count, detail=detail)
        each = (before.available - after.available) / count / _MIB
        yield self.sample(subject, point, repeat, each, figure=self.held, detail=detail)


def _killed(point: Point) -> int:
    return min(_KILLED, int(point["instances"]))


def _churn(chosen: Fleet, times: int, *, seed: int) -> Iterator[float]:
    """Milliseconds from create call to right answer of random instances, killed before."""
    draw = random.Random(seed)  # noqa: S311 -- no secret, but the same again
    for _ in range(times):
        instance = draw.choice(chosen.instances)
        chosen.stop(instance)
        yield chosen.start(instance).seconds * 1000
