"""Takes measures: interleaved, resumable, bounded in time, every failure written down."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from topology.bench.measure.base import Bench, Measure
from topology.bench.record import (
    Done,
    Failure,
    Line,
    Note,
    Sample,
    Subject,
    read_lines,
    write_lines,
)
from topology.bench.schedule import CUT, Part, Unit, fit, key_of, left_out
from topology.errors import TopologyError

__all__ = ["Ground", "Progress", "Record", "run_measures"]

_OVERRUN = 1.5
"""How many times its estimate a measure may take although the time is short."""

_GRACE = 10.0
"""Seconds that a measure has beyond that."""

_FAILURES = 3
"""Failures of a subject in a row after which a measure leaves it alone."""


class Ground(Bench, Protocol):
    """A bench that the runner clears between measures."""

    def release(self) -> None:
        """Removes what the measure before had of its own."""


class Progress(Protocol):
    """Who is told how far a run has come."""

    def advance(self, title: str, spent: float, left: float) -> None:
        """What comes next, seconds since the start, and about how many are left."""

    def say(self, text: str) -> None:
        """A line for whoever watches."""


@dataclass(slots=True)
class Record:
    """A file that samples are appended to, an execution's all at once."""

    path: Path
    keys: set[tuple[object, ...]] = field(default_factory=set)
    """The executions that it holds."""
    notes: set[Note] = field(default_factory=set)
    """The notes that it holds: each stands once."""

    @classmethod
    def resumed(cls, path: Path) -> Record:
        """An existing record, whose last line, where it was cut off, is taken away."""
        lines = list(read_lines(path, cut=True))
        path.write_text(write_lines(lines), encoding="utf-8")
        record = cls(path)
        record._remember(lines)
        return record

    def append(self, lines: Iterable[Line]) -> None:
        """Writes lines; what is on disk ends with a whole one or is cut when resumed."""
        listed = [line for line in lines if not (isinstance(line, Note) and line in self.notes)]
        with self.path.open("a", encoding="utf-8") as file:
            file.write(write_lines(listed))
        self._remember(listed)

    def _remember(self, lines: Iterable[Line]) -> None:
        for line in lines:
            if isinstance(line, Done):
                self.keys.add(key_of(line.measure, line.subject, line.point, line.repeat))
            elif isinstance(line, Note):
                self.notes.add(line)


@dataclass(slots=True)
class _Budget:
    seconds: float
    clock: Callable[[], float]
    start: float = 0.0

    @property
    def left(self) -> float:
        return self.seconds - (self.clock() - self.start)


def run_measures(
    parts: Sequence[Part],
    ground: Ground,
    record: Record,
    progress: Progress,
    *,
    seconds: float,
    usable: Callable[[Measure], str] = lambda _: "",
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Takes the parts within the time, cutting down those that are still to come where it is short.

    `usable` says why a measure cannot be taken at all; nothing where it can. Executions that the
    record holds are not taken again. An interruption leaves what was taken in the record.
    """
    budget = _Budget(seconds, clock, clock())
    waiting = list(_usable(parts, record, usable))
    while waiting:
        rest = fit([_untaken(part, record) for part in waiting], budget.left)
        # The others may still fit, when it is their turn.
        record.append(Note(text, rest[0].measure.name) for text in left_out(waiting[0], rest[0]))
        part, *later = rest
        _take(part, ground, record, progress, budget, sum(one.seconds for one in later))
        waiting = waiting[1:]


def _usable(
    parts: Iterable[Part], record: Record, usable: Callable[[Measure], str]
) -> Iterator[Part]:
    for part in parts:
        reason = usable(part.measure)
        if reason:
            record.append([Failure(part.measure.name, "", reason)])
        else:
            yield part


def _untaken(part: Part, record: Record) -> Part:
    """The part with the share of it that the record does not hold."""
    keys = [unit.key for unit in part.units()]
    left = sum(key not in record.keys for key in keys)
    return replace(part, share=left / len(keys) if keys else 0.0)


def _take(
    part: Part,
    ground: Ground,
    record: Record,
    progress: Progress,
    budget: _Budget,
    later: float,
) -> None:
    """Takes one measure, subject by subject inside each point of each repeat."""
    measure = part.measure
    units = [unit for unit in part.units() if unit.key not in record.keys]
    if not units:
        return
    # Its share of the time that is left, or a little more than its estimate if that is longer.
    share = budget.left * part.seconds / (part.seconds + later) if part.seconds else 0.0
    allowed = max(share, part.seconds * _OVERRUN + _GRACE)
    out: dict[Subject, int] = {}
    try:
        for subject in measure.subjects:
            if budget.left < 0:
                break
            progress.advance(f"{measure.name}: {subject}", *_times(budget, part.seconds + later))
            if not _prepared(part, subject, ground, record):
                out[subject] = _FAILURES
        begin = budget.clock()
        for number, unit in enumerate(units):
            if out.get(unit.subject, 0) >= _FAILURES:
                continue
            used = budget.clock() - begin
            if used > allowed or budget.left < 0:
                cut = f"{len(units) - number} of {len(units)} executions not taken"
                record.append([Note(f"{CUT}: {cut}", measure.name)])
                break
            rest = part.seconds * (1 - number / len(units)) + later
            progress.advance(f"{measure.name}: {unit.subject}", *_times(budget, rest))
            failed = not _execute(unit, ground, record, budget.clock)
            out[unit.subject] = out.get(unit.subject, 0) + 1 if failed else 0
    finally:
        _finish(measure, ground, record)


def _times(budget: _Budget, rest: float) -> tuple[float, float]:
    return budget.clock() - budget.start, max(0.0, min(rest, budget.left))


def _prepared(part: Part, subject: Subject, ground: Ground, record: Record) -> bool:
    """Makes a subject ready and warm; what was taken while it warmed up is discarded."""
    measure = part.measure
    try:
        measure.prepare(subject, ground)
        for _ in range(part.warmup):
            for _discarded in measure.measure(subject, part.points[0], 0, ground):
                pass
    except Exception as error:  # noqa: BLE001 - written down, and the run goes on without it
        record.append([Failure(measure.name, subject, _told(error), part.points[0])])
        return False
    return True


def _execute(unit: Unit, ground: Ground, record: Record, clock: Callable[[], float]) -> bool:
    measure, begin = unit.measure, clock()
    names = {figure.name for figure in measure.figures}
    try:
        samples: list[Sample] = list(measure.measure(unit.subject, unit.point, unit.repeat, ground))
        strange = {sample.measure for sample in samples} - names
        if strange:
            raise ValueError(f"{measure.name} gave figures it does not state: {sorted(strange)}")
    except Exception as error:  # noqa: BLE001 - written down, and the run goes on
        record.append([Failure(measure.name, unit.subject, _told(error), unit.point, unit.repeat)])
        return False
    done = Done(measure.name, unit.subject, unit.point, unit.repeat, round(clock() - begin, 3))
    record.append([*samples, done])
    return True


def _finish(measure: Measure, ground: Ground, record: Record) -> None:
    for subject in measure.subjects:
        try:
            measure.finish(subject, ground)
        except Exception as error:  # noqa: BLE001 - the others must still be taken down
            record.append([Failure(measure.name, subject, f"at its end: {_told(error)}")])
    ground.release()


def _told(error: Exception) -> str:
    """An error in words: ours speak for themselves, of others the kind is said, too."""
    return str(error) if isinstance(error, TopologyError) else f"{type(error).__name__}: {error}"
