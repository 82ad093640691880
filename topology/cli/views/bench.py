"""What a benchmark says while it runs, when it is done, and of two runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from topology.bench.compare import Change, Comparison, Outcome
from topology.bench.measure import MEASURES
from topology.bench.measure.base import Measure
from topology.bench.report.compose import headline_table
from topology.bench.report.conclusions import summary
from topology.bench.report.document import Cell
from topology.bench.report.markdown import MARKS
from topology.bench.report.words import NAMES, estimate_text, fitting, place, ratio_text
from topology.bench.report.write import read_results
from topology.bench.run import Options, estimated
from topology.bench.runner import Progress as OnProgress
from topology.bench.schedule import whole
from topology.cli.views.json import Json

__all__ = [
    "comparison_document",
    "print_comparison",
    "print_headlines",
    "print_measures",
    "show_progress",
]

_STYLES = {"better": "green", "worse": "red", "unsure": "yellow"}
_WIDTH = 140
"""Columns where the output is no terminal and nobody can widen it."""


class _Bar:
    """A bar where there is a terminal; a line a measure where there is none."""

    def __init__(self, bar: Progress, console: Console) -> None:
        self._bar, self._console = bar, console
        self._task = bar.add_task("starting", total=None, left="")
        self._measure = ""

    def advance(self, title: str, spent: float, left: float) -> None:
        """Moves the bar: done is the time spent of the time spent and left."""
        told = f"about {_clock(left)} left"
        self._bar.update(
            self._task, completed=spent, total=spent + left, description=title, left=told
        )
        measure = title.partition(":")[0]
        if not self._console.is_terminal and measure != self._measure:
            self._console.print(f"[{_clock(spent)}] {measure}, {told}")
        self._measure = measure

    def say(self, text: str) -> None:
        """A line above the bar."""
        self._console.print(text)


@contextmanager
def show_progress() -> Iterator[OnProgress]:
    """A progress bar on standard error with the time left."""
    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[left]}"),
    )
    disable = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=disable) as bar:
        yield _Bar(bar, console)


def print_measures(measures: Sequence[Measure], options: Options) -> None:
    """Prints what a run would take."""
    table = _table("measure", "what", "of", "points", "repeats", "about")
    for part in whole(measures, quick=options.quick):
        table.add_row(
            part.measure.name,
            part.measure.figure.title,
            ", ".join(subject.value for subject in part.measure.subjects),
            str(len(part.points)),
            f"{part.repeats}" if part.headlines else f"{part.sweep}",
            _clock(part.seconds),
        )
    console = _console()
    console.print(table)
    seconds, left_out = estimated(measures, options)
    console.print(f"about {_clock(seconds)} of {_clock(options.seconds)}")
    for text in left_out:
        console.print(text)


def print_headlines(where: Path) -> None:
    """Prints the first table of a run's report."""
    results = read_results(where, MEASURES)
    found = headline_table(list(results.headlines()))
    table = _table(*found.header)
    for row in found.rows:
        table.add_row(*(_plain(cell) for cell in row))
    console = _console()
    console.print(table)
    for text in summary(results):
        console.print(text)


def print_comparison(comparison: Comparison, *, every: bool) -> None:
    """Prints what changed; with `every`, what did not, too."""
    console = _console()
    for text in comparison.unequal:
        console.print(f"not the same: {text}")
    shown = [
        one for one in comparison.changes if every or one.outcome in (Outcome.BETTER, Outcome.WORSE)
    ]
    if shown:
        table = _table("", "figure", "of", "old", "new", "new : old")
        for one in shown:
            table.add_row(*_change_row(one), style=_STYLES.get(one.outcome.value))
        console.print(table)
    counts = dict.fromkeys(Outcome, 0)
    for one in comparison.changes:
        counts[one.outcome] += 1
    told = ", ".join(f"{number} {outcome.value}" for outcome, number in counts.items())
    console.print(
        f"{told}; only in the old run {comparison.alone[0]}, only in the new one "
        f"{comparison.alone[1]}"
    )


def comparison_document(comparison: Comparison) -> Json:
    """A comparison as a document."""
    changes: list[Json] = [
        {
            "figure": one.figure.name,
            "subject": one.subject.value,
            "point": dict(one.point),
            "unit": one.figure.unit,
            "old": one.ratio.lower.median,
            "new": one.ratio.upper.median,
            "ratio": one.ratio.value,
            "low": one.ratio.low,
            "high": one.ratio.high,
            "outcome": one.outcome.value,
        }
        for one in comparison.changes
    ]
    return {
        "version": 1,
        "differs": comparison.differs,
        "unequal": list(comparison.unequal),
        "changes": changes,
    }


def _change_row(one: Change) -> list[str]:
    ratio, unit = one.ratio, one.figure.unit
    scale = fitting(unit, [ratio.lower.median, ratio.upper.median])
    where = place(one.point)
    return [
        f"{MARKS.get(one.outcome.value, '=')} {one.outcome.value}",
        f"{one.figure.title}{f', {where}' if where else ''}",
        NAMES[one.subject],
        estimate_text(ratio.lower, unit, scale),
        estimate_text(ratio.upper, unit, scale),
        ratio_text(ratio),
    ]


def _plain(cell: Cell | str) -> str:
    if isinstance(cell, str):
        return cell
    text = f"{MARKS.get(cell.style, '')} {cell.text}".strip()
    return f"{text}\n{cell.beneath}" if cell.beneath else text


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=round(max(0.0, seconds))))


def _console() -> Console:
    width = None if Console().is_terminal else _WIDTH
    return Console(highlight=False, markup=False, emoji=False, width=width)


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
