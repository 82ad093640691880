"""What a run takes in which order, and what it leaves out when time is short."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from topology.bench.measure.base import Measure
from topology.bench.record import Point, Subject

__all__ = ["FULL_MINUTES", "QUICK_MINUTES", "Part", "Unit", "fit", "whole"]

FULL_MINUTES = 60.0
QUICK_MINUTES = 5.0

_MARGIN = 0.85
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
    """A measure as it is planned: so many repeats at these points."""

    measure: Measure
    points: tuple[Point, ...]
    repeats: int
    quick: bool
    share: float = 1.0
    """The share of its executions that is still to be taken."""

    @property
    def headline(self) -> bool:
        """Whether one of its figures is compared in the first table."""
        return any(figure.headline for figure in self.measure.figures)

    @property
    def seconds(self) -> float:
        """About how long it takes, warm-up included."""
        measure, total = self.measure, 0.0
        if not self.points or not self.repeats:
            return 0.0
        for subject in measure.subjects:
            costs = [measure.cost(subject, point, self.quick) for point in self.points]
            total += measure.setup_cost(subject, self.quick)
            total += costs[0] * measure.warmup + sum(costs) * self.repeats * self.share
        return total if self.share else 0.0

    def units(self) -> Iterator[Unit]:
        """Its executions: each repeat goes over all points, each point over all subjects."""
        for repeat in range(self.repeats):
            for point in self.points:
                for subject in self.measure.subjects:
                    yield Unit(self.measure, subject, point, repeat)


def whole(measures: Iterable[Measure], *, quick: bool) -> tuple[Part, ...]:
    """Everything, however long it takes."""
    return tuple(
        Part(measure, measure.points(quick), measure.repeats(quick), quick) for measure in measures
    )


def fit(
    parts: Sequence[Part], seconds: float, say: Callable[[str], None] = lambda _: None
) -> tuple[Part, ...]:
    """The parts cut down until they fit into the time; `say` is told what is left out.

    In this order, each step only as far as it must go: repeats of sweeps down to one; points of
    sweeps down to one, the last first; repeats of headline figures down to five, then to three;
    points of headline figures down to one; measures without a headline, the last first; headline
    repeats down to one.
    """
    budget = seconds * _MARGIN
    left = list(parts)
    for step in _steps():
        while _total(left) > budget:
            index = step(left, budget)
            if index is None:
                break
    for before, after in zip(parts, left, strict=True):
        for text in _differences(before, after):
            say(text)
    return tuple(left)


_Step = Callable[[list[Part], float], int | None]


def _steps() -> tuple[_Step, ...]:
    return (
        _repeats(headline=False, least=1),
        _points(headline=False),
        _repeats(headline=True, least=5),
        _repeats(headline=True, least=3),
        _points(headline=True),
        _drop,
        _repeats(headline=True, least=1),
    )


def _repeats(*, headline: bool, least: int) -> _Step:
    def step(parts: list[Part], budget: float) -> int | None:
        del budget
        open_ = [n for n, p in enumerate(parts) if p.headline is headline and p.repeats > least]
        if not open_:
            return None
        # The one that costs most gives first: cheap ones would give their samples for nothing.
        index = max(open_, key=lambda n: parts[n].seconds)
        parts[index] = replace(parts[index], repeats=parts[index].repeats - 1)
        return index

    return step


def _points(*, headline: bool) -> _Step:
    def step(parts: list[Part], budget: float) -> int | None:
        del budget
        open_ = [n for n, p in enumerate(parts) if p.headline is headline and len(p.points) > 1]
        if not open_:
            return None
        index = max(open_, key=lambda n: (parts[n].seconds, len(parts[n].points)))
        parts[index] = replace(parts[index], points=parts[index].points[:-1])
        return index

    return step


def _drop(parts: list[Part], budget: float) -> int | None:
    del budget
    open_ = [n for n, part in enumerate(parts) if not part.headline and part.repeats]
    if not open_:
        return None
    parts[open_[-1]] = replace(parts[open_[-1]], repeats=0)
    return open_[-1]


def _differences(before: Part, after: Part) -> Iterator[str]:
    name = before.measure.name
    if not after.repeats and before.repeats:
        yield f"{name} was left out for want of time"
        return
    if after.repeats != before.repeats:
        yield f"{name} was repeated {after.repeats} times in place of {before.repeats}"
    if len(after.points) != len(before.points):
        yield f"{name} was taken at {len(after.points)} of its {len(before.points)} points"


def _total(parts: Iterable[Part]) -> float:
    return sum(part.seconds for part in parts)
