"""Many instances at once, and random ones killed and started again: the study's second scenario."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Iterator, Mapping
from typing import ClassVar

from topology.bench.fleet.fleet import Fleet, fleet
from topology.bench.fleet.memory import Memory, memory, resident
from topology.bench.measure.base import Bench, Chart, Figure, Measure, Section
from topology.bench.record import Point, Sample, Subject

__all__ = ["Density"]

WORKERS = 4
"""Creates under way at once: what `pulumi up` does on two cores."""

_MIB = 1 << 20

_KILLED = 5
"""Instances that are killed and started again while the others run."""

_FEW, _MOST = 10, 140
"""The study's fewest and most instances."""

_COSTS: Mapping[Subject, tuple[float, float, float, float]] = {
    Subject.UNIKERNEL: (4.5, 0.39, 0.0012, 0.65),
    Subject.CONTAINERS: (3.9, 0.112, 0.0, 0.27),
    Subject.RUNC: (3.1, 0.071, 0.0, 0.22),
    Subject.STOCK: (2.9, 0.047, 0.0, 0.07),
}
"""Seconds on two cores: for all, for each, for each pair of them (idle ones take their part), and
for each that is killed and started again."""

_FILLING = 10.0
"""Seconds for as many more as fit."""

_INTERVAL = 0.004
"""Seconds between two questions to an instance that does not answer yet."""

_SETTLE = 2.0
"""Seconds of rest before memory is read: a just booted guest still writes."""

_RESERVE = 0.1
"""Part of the machine's memory that stays free."""

_LIMIT = 1000
"""A Linux bridge has 1,023 ports."""

_FILLED = (Subject.UNIKERNEL, Subject.CONTAINERS)
"""Subjects of which as many are started as fit."""


class Density(Measure):
    """Time to the reply of each of N, memory of all of them, and churn among them."""

    figure: ClassVar = Figure(
        "density",
        "Start of one among many: median",
        "ms",
        "lower",
        headline=True,
        at={"instances": _FEW},
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
        chart=Chart.LINE,
        x="instances",
    )
    pss = Figure(
        "density-pss",
        "Proportional set of one among many",
        "MiB",
        "lower",
        headline=True,
        at={"instances": _FEW},
        chart=Chart.LINE,
        x="instances",
    )
    churn = Figure(
        "churn",
        "Killed and started again among many: median",
        "ms",
        "lower",
        headline=True,
        at={"instances": _FEW},
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
    fullest = Figure("most", "Instances that run at once", "instances", "higher", chart=Chart.NONE)
    fullest_held = Figure(
        "most-memory", "Memory that each of as many takes", "MiB", "lower", chart=Chart.NONE
    )
    also = (total, each, held, pss, churn, churned, fullest, fullest_held)
    section = Section.STUDY
    subjects = (Subject.UNIKERNEL, Subject.CONTAINERS, Subject.RUNC, Subject.STOCK)
    method = (
        "N web servers on one bridge are started, four at a time, each by a worker that waits for "
        "the first right answer of its own before it starts the next; then they rest for 2 s, and "
        "the memory that the machine has less is shared out, which counts the kernel's part "
        "but not the page cache, and beside it the proportional set of the processes. Then 5 "
        "of them, drawn with a seed that the repeat gives, are killed one after the "
        "other and started again at once, timed from the create call to the right answer in total "
        "milliseconds (the study's script drops whole seconds). The kill itself is not timed. All "
        "on one machine: creates share its cores with the nodes that run. Once, after 140 "
        "unikernels or containers, more are started until a tenth of the machine's memory is left, "
        f"the bridge is full at {_LIMIT:,}, or {_FILLING:g} s are over; what said stop is recorded "
        "beside the count, which is what fits only where memory did, and else a least value."
    )
    tools = ("ip", "nginx", "runc")
    warmup = 0

    def points(self, quick: bool) -> tuple[Point, ...]:
        """The study's counts."""
        return tuple({"instances": count} for count in ((_FEW,) if quick else (_FEW, _MOST, 70)))

    def repeats(self, quick: bool) -> int:
        """Each gives ten starts or more."""
        return 1 if quick else super().repeats(quick)

    def cost(self, subject: Subject, point: Point, quick: bool) -> float:
        """Starts and stops, which go four at a time, and churn, which does not; from a record."""
        base, each, pair, again = _COSTS[subject]
        count = int(point["instances"])
        return base + count * each + count * count * pair + _KILLED * again

    def setup_cost(self, subject: Subject, quick: bool) -> float:
        """Filling, and stopping what filled."""
        return _FILLING * 2 if subject in _FILLED and not quick else 0.0

    def measure(
        self, subject: Subject, point: Point, repeat: int, bench: Bench
    ) -> Iterator[Sample]:
        """Fills a bridge, stirs it, empties it."""
        count = int(point["instances"])
        filled = subject in _FILLED and count == _MOST and repeat == 0
        with fleet(bench, subject, _LIMIT if filled else count, interval=_INTERVAL) as chosen:
            before = memory()
            began = time.monotonic()
            replies = chosen.start_all(chosen.instances[:count], WORKERS)
            total = time.monotonic() - began
            time.sleep(_SETTLE)
            held = before.available - memory().available
            found = chosen.starter.processes(chosen.instances[:count])
            shared = resident(process for one in found.values() for process in one).pss
            again = list(_churn(chosen, _KILLED, seed=repeat * 1000 + count))
            more = list(self._filled(chosen, before)) if filled else []
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
        for figure, value, stop in more:
            detail = {"stopped_by": stop}
            yield self.sample(subject, {}, repeat, value, figure=figure, detail=detail)

    def _filled(self, chosen: Fleet, before: Memory) -> Iterator[tuple[Figure, float, str]]:
        """Starts more until something says stop: how many run then, and what each takes."""
        deadline = time.monotonic() + _FILLING
        stop = "bridge"
        for first in range(len(chosen.running), _LIMIT, WORKERS * 4):
            if memory().available < before.total * _RESERVE:
                stop = "memory"
                break
            if time.monotonic() > deadline:
                stop = "time"
                break
            chosen.start_all(chosen.instances[first : first + WORKERS * 4], WORKERS)
        time.sleep(_SETTLE)
        count, after = len(chosen.running), memory()
        yield self.fullest, count, stop
        yield self.fullest_held, (before.available - after.available) / count / _MIB, stop


def _churn(chosen: Fleet, times: int, *, seed: int) -> Iterator[float]:
    """Milliseconds from create call to right answer of random instances, killed before."""
    draw = random.Random(seed)  # noqa: S311 -- no secret, but the same again
    for _ in range(times):
        instance = draw.choice(list(chosen.running.values()))
        chosen.stop(instance)
        yield chosen.start(instance).seconds * 1000
