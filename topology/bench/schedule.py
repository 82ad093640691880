"""What a run takes in which order, and what it leaves out when time is short."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from topology.bench.measure.base import Measure
from topology.bench.record import Point, Subject
from topology.bench.statistics import FEWEST

__all__ = [
    "CUT",
    "FULL_MINUTES",
    "QUICK_MINUTES",
    "RESUMED",
    "Part",
    "Unit",
    "fit",
    "left_out",
    "whole",
]

FULL_MINUTES = 60.0
QUICK_MINUTES = 5.0

CUT = "for want of time"
"""What a note of something left out begins with."""

RESUMED = "The run was interrupted, and resumed"
"""What the note of a run that goes on begins with: what it leaves out, it says again."""

_SWEEP = 3
"""Repeats at each point of a sweep."""

_TWO = 2

_MARGIN = 0.97
"""The share of the time that is planned for: estimates are estimates."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One execution of a measure."""

    measure: Measure
    subject: Subject
    point: Point
    repeat: int

    @property
    def key(self) -> tuple[str, str, tuple[tuple[str, int | float | str], ...], int]:
        """What tells it from every other, and finds it in a record."""
        return key_of(self.measure.name, self.subject, self.point, self.repeat)


def key_of(
    measure: str, subject: Subject, point: Point, repeat: int
) -> tuple[str, str, tuple[tuple[str, int | float | str], ...], int]:
    """The key of an execution."""
    return measure, subject.value, tuple(sorted(point.items())), repeat


@dataclass(frozen=True, slots=True)
class Part:
    """A measure as it is planned: `repeats` at points of the first table, `sweep` at others."""

    measure: Measure
    points: tuple[Point, ...]
    repeats: int
    sweep: int
    quick: bool
    share: float = 1.0
    """The share of its executions that is still to be taken."""

    @property
    def warmup(self) -> int:
        """Executions of each subject that are discarded: none where figures may be rough."""
        return 0 if self.quick else self.measure.warmup

    @property
    def headlines(self) -> tuple[Point, ...]:
        """Its points that are compared in the first table."""
        return tuple(point for point in self.points if _is_headline(self.measure, point))

    @property
    def sweeps(self) -> tuple[Point, ...]:
        """Its other points."""
        return tuple(point for point in self.points if not _is_headline(self.measure, point))

    @property
    def executions(self) -> int:
        """How often each subject has its turn."""
        return sum(map(self.times, self.points))

    def times(self, point: Point) -> int:
        """How often each subject has its turn at a point."""
        if _is_headline(self.measure, point):
            return self.repeats
        return min(self.sweep, self.measure.most(point))

    @property
    def seconds(self) -> float:
        """About how long it takes, warm-up included."""
        measure = self.measure
        if not self.executions or not self.share:
            return 0.0
        total = 0.0
        for subject in measure.subjects:

            def cost(point: Point, subject: Subject = subject) -> float:
                return measure.cost(subject, point, self.quick)

            total += measure.setup_cost(subject, self.quick)
            total += cost(self.points[0]) * self.warmup
            total += sum(cost(point) * self.times(point) for point in self.points) * self.share
        return total

    def units(self) -> Iterator[Unit]:
        """Its executions: each repeat goes over all points, each point over all subjects."""
        often = [(point, self.times(point)) for point in self.points]
        for repeat in range(max((times for _, times in often), default=0)):
            for point, times in often:
                if repeat < times:
                    for subject in self.measure.subjects:
                        yield Unit(self.measure, subject, point, repeat)


def _is_headline(measure: Measure, point: Point) -> bool:
    """Whether a headline figure is compared there; keys that only samples have do not count."""
    return any(
        all(point.get(key, value) == value for key, value in (figure.at or {}).items())
        for figure in measure.figures
        if figure.headline
    )


def whole(measures: Iterable[Measure], *, quick: bool) -> tuple[Part, ...]:
    """Everything, however long it takes."""
    sweep = 1 if quick else _SWEEP
    return tuple(
        Part(one, one.points(quick), one.repeats(quick), min(sweep, one.repeats(quick)), quick)
        for one in measures
    )


def fit(parts: Sequence[Part], seconds: float) -> tuple[Part, ...]:
    """The parts cut down until they fit into the time.

    In this order, each step only as far as it must go, and where it saves most: repeats in
    sweeps down to two; of headline figures down to seven; in sweeps down to one; of headline
    figures down to five, the fewest that bear a conclusion; points of sweeps, the last first;
    measures without a headline; points of headline figures; their repeats; whole measures.
    """
    budget = seconds * _MARGIN
    left = list(parts)
    for step in _STEPS:
        while sum(part.seconds for part in left) > budget:
            possible = [(n, cut) for n, part in enumerate(left) if (cut := step(part)) is not None]
            if not possible:
                break
            index, cut = max(possible, key=lambda one: left[one[0]].seconds - one[1].seconds)
            left[index] = cut
    return tuple(left)


def left_out(before: Part, after: Part) -> Iterator[str]:
    """What was cut from a part, in words."""
    if before.executions and not after.executions:
        yield f"{CUT}: not taken at all"
        return
    if after.headlines and after.repeats != before.repeats:
        yield f"{CUT}: {after.repeats} repeats in place of {before.repeats}"
    if after.sweeps and after.sweep != before.sweep:
        yield f"{CUT}: {after.sweep} repeats in the sweep in place of {before.sweep}"
    if len(after.points) != len(before.points):
        yield f"{CUT}: {len(after.points)} of {len(before.points)} points"


def _sweep_repeats(part: Part, least: int) -> Part | None:
    fits = part.sweeps and part.sweep > least
    return replace(part, sweep=part.sweep - 1) if fits else None


def _headline_repeats(part: Part, least: int) -> Part | None:
    fits = part.headlines and part.repeats > least
    return replace(part, repeats=part.repeats - 1) if fits else None


def _sweep_points(part: Part) -> Part | None:
    # A measure that is a sweep alone keeps its first point.
    if len(part.sweeps) <= (0 if part.headlines else 1):
        return None
    last = part.sweeps[-1]
    return replace(part, points=tuple(point for point in part.points if point != last))


def _headline_points(part: Part) -> Part | None:
    if len(part.headlines) < _TWO:
        return None
    last = part.headlines[-1]
    return replace(part, points=tuple(point for point in part.points if point != last))


def _whole_sweep(part: Part) -> Part | None:
    return replace(part, points=()) if part.points and not part.headlines else None


_Step = Callable[[Part], Part | None]

_STEPS: tuple[_Step, ...] = (
    lambda part: _sweep_repeats(part, 2),
    lambda part: _headline_repeats(part, 7),
    lambda part: _sweep_repeats(part, 1),
    lambda part: _headline_repeats(part, FEWEST),
    _sweep_points,
    _whole_sweep,
    _headline_points,
    lambda part: _headline_repeats(part, 1),
    lambda part: replace(part, points=()) if part.points else None,
)
