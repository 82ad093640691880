"""A record as a report needs it: estimates by figure, subject and point, and what may be said."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from topology.bench.errors import RecordError
from topology.bench.measure.base import Figure, Measure
from topology.bench.record import Failure, Line, Note, Point, Run, Sample, Scalar, Subject
from topology.bench.schedule import CUT, RESUMED
from topology.bench.statistics import Estimate, Ratio, estimate, ratio

__all__ = ["EFFECT", "OTHERS", "Comparison", "Headline", "Results", "Verdict"]

EFFECT = 0.05
"""A difference below this is called none, however sure it is."""

OTHERS = (Subject.CONTAINERS, Subject.SHARED, Subject.STOCK, Subject.RUNC)
"""What unikernels are compared with."""

Key = tuple[tuple[str, int | float | str], ...]


class Verdict(StrEnum):
    """What a comparison says of unikernels."""

    BETTER = "better"
    WORSE = "worse"
    ALIKE = "alike"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Unikernels against another subject in one figure at one point."""

    figure: Figure
    point: Point
    other: Subject
    ratio: Ratio

    @property
    def verdict(self) -> Verdict:
        """By rule: nothing rests on few or scattered samples, nor on an interval around 1."""
        if not (self.ratio.sound or self.figure.exact):
            return Verdict.UNSURE
        if not self.ratio.differs(EFFECT):
            return Verdict.ALIKE
        lower = self.ratio.value < 1
        return Verdict.BETTER if lower == (self.figure.better == "lower") else Verdict.WORSE

    @property
    def reason(self) -> str:
        """Why it is unsure."""
        if self.verdict is not Verdict.UNSURE:
            return ""
        if self.ratio.upper.few or self.ratio.lower.few:
            return "too few samples"
        return "too scattered"


@dataclass(frozen=True, slots=True)
class Headline:
    """A row of the first table."""

    figure: Figure
    point: Point
    estimates: Mapping[Subject, Estimate]
    comparisons: Mapping[Subject, Comparison]


class Results:
    """Everything that a record holds, by what the measures say that their figures are.

    Samples of figures that no measure states any more are shown under their names alone.
    """

    def __init__(self, lines: Iterable[Line], measures: Sequence[Measure]) -> None:
        listed = list(lines)
        if not listed or not isinstance(listed[0], Run):
            raise RecordError("a record begins with its run")
        self.run = listed[0]
        self.measures = measures
        self.notes = _valid(line for line in listed if isinstance(line, Note))
        self.failures = [line for line in listed if isinstance(line, Failure)]
        self.figures = {figure.name: figure for one in measures for figure in one.figures}
        values: dict[tuple[str, Subject, Key], list[float]] = defaultdict(list)
        for line in listed:
            if isinstance(line, Sample):
                values[line.measure, line.subject, tuple(sorted(line.point.items()))].append(
                    line.value
                )
                if line.measure not in self.figures:
                    self.figures[line.measure] = Figure(
                        line.measure, line.measure, line.unit, "lower"
                    )
        self.values = dict(values)

    @property
    def empty(self) -> bool:
        """Whether there is no figure at all."""
        return not self.values

    def samples(self, figure: str, subject: Subject, point: Point) -> list[float]:
        """The values taken there, in the order in which they were."""
        return self.values.get((figure, subject, tuple(sorted(point.items()))), [])

    @cached_property
    def estimates(self) -> dict[tuple[str, Subject, Key], Estimate]:
        """The estimate of everything that was taken."""
        return {key: estimate(values) for key, values in self.values.items()}

    def estimate(self, figure: str, subject: Subject, point: Point) -> Estimate | None:
        """The estimate there, or `None`."""
        return self.estimates.get((figure, subject, tuple(sorted(point.items()))))

    def points(self, figure: str, of: Subject | None = None) -> list[Point]:
        """Where a figure was taken: numbers by size, words in the order of the record."""
        keys = list(
            dict.fromkeys(
                key
                for name, subject, key in self.values
                if name == figure and of in (None, subject)
            )
        )
        return _ordered([dict(key) for key in keys], self.figures[figure].x)

    def subjects(self, figure: str) -> list[Subject]:
        """Whom a figure was taken of."""
        present = {subject for name, subject, _ in self.values if name == figure}
        return [subject for subject in Subject if subject in present]

    def headlines(self) -> Iterator[Headline]:
        """The rows of the first table."""
        for figure in self.figures.values():
            if not figure.headline:
                continue
            for point in self.points(figure.name):
                if (figure.at or {}).items() <= point.items():
                    yield self._headline(figure, point)

    def _headline(self, figure: Figure, point: Point) -> Headline:
        found = {
            subject: one
            for subject in self.subjects(figure.name)
            if (one := self.estimate(figure.name, subject, point)) is not None
        }
        ours = self.samples(figure.name, Subject.UNIKERNEL, point)
        comparisons = {}
        for other in OTHERS:
            theirs = self.samples(figure.name, other, point)
            quotient = ratio(ours, theirs) if ours and theirs else None
            if quotient is not None:
                comparisons[other] = Comparison(figure, point, other, quotient)
        return Headline(figure, point, found, comparisons)

    def comparisons(self) -> list[Comparison]:
        """Every comparison of the first table."""
        return [one for row in self.headlines() for one in row.comparisons.values()]


def _valid(notes: Iterable[Note]) -> list[Note]:
    """Without those of what was left out and made good for when the run went on."""
    found: list[Note] = []
    for note in notes:
        if note.text.startswith(RESUMED):
            found = [one for one in found if not one.text.startswith(CUT)]
        found.append(note)
    return found


def _ordered(points: list[Point], x: str) -> list[Point]:
    found: dict[str, list[Scalar]] = {}
    for point in points:
        for name, value in point.items():
            values = found.setdefault(name, [])
            if value not in values:
                values.append(value)
    numeric = {
        name for name, of in found.items() if all(isinstance(one, int | float) for one in of)
    }
    for name in numeric:
        found[name].sort(key=float)
    # What a curve is drawn along comes first, the parts of a whole come last.
    names = sorted(found.keys() - {x})
    if x in found:
        names.insert(0 if x in numeric else len(names), x)
    return sorted(
        points,
        key=lambda point: [
            found[name].index(point[name]) if name in point else -1 for name in names
        ],
    )
