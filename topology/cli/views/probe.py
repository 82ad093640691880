"""What probes saw, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from topology.cli.views.json import Json
from topology.probe.describe import expectation, tool
from topology.probe.results import Outcome, Report, Status
from topology.probe.run import Progress as OnOutcome

__all__ = ["print_report", "report_document", "show_progress"]

_STYLE = {Status.BROKEN: "red", Status.ERROR: "yellow", Status.SEEN: "green"}


@contextmanager
def show_progress(*, hidden: bool) -> Iterator[OnOutcome]:
    """A progress bar on standard error while probes run; nothing where it is no terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    disable = hidden or not console.is_terminal
    with Progress(
        *columns, TimeElapsedColumn(), console=console, transient=True, disable=disable
    ) as bar:
        task = bar.add_task("probing", total=None)

        def advance(outcome: Outcome, done: int, total: int) -> None:
            bar.update(
                task, completed=done, total=total, description=Text(outcome.probe.statement).plain
            )

        yield advance


def print_report(report: Report, *, quiet: bool) -> None:
    """A table by statement; `quiet` leaves out what was seen as stated."""
    console = Console(highlight=False)
    table = Table(title=f"{report.topology} as {report.variant}, seen on the wire", expand=False)
    for column in ("", "statement", "from", "expected", "seen"):
        table.add_column(column, overflow="fold")
    ordered = sorted(enumerate(report.outcomes), key=lambda pair: (_rank(report, pair[1]), pair[0]))
    for statement, group in groupby((o for _, o in ordered), key=lambda o: o.probe.statement):
        shown = statement
        for outcome in group:
            if quiet and outcome.status is Status.SEEN:
                continue
            table.add_row(*_row(outcome, shown))
            shown = ""
        table.add_section()
    if table.row_count:
        console.print(table)
    counts = [f"{report.count(s)} {s.value}" for s in Status if report.count(s)]
    console.print(f"{', '.join(counts)} in {report.seconds:.1f} s")


def _rank(report: Report, outcome: Outcome) -> int:
    names = list(dict.fromkeys(o.probe.statement for o in report.outcomes))
    return names.index(outcome.probe.statement)


def _row(outcome: Outcome, statement: str) -> tuple[Text, ...]:
    probe, style = outcome.probe, _STYLE[outcome.status]
    start = str(probe.place) if probe.place is not None else probe.target
    return (
        Text(outcome.status.symbol, style=style),
        Text(statement),
        Text(start),
        Text(expectation(probe.check)),
        Text(outcome.seen, style="" if outcome.status is Status.SEEN else style),
    )


def report_document(report: Report) -> Json:
    """The report with one object a probe."""
    return {
        "version": 1,
        "stack": report.stack,
        "variant": report.variant,
        "topology": report.topology,
        "seconds": round(report.seconds, 3),
        "counts": {status.value: report.count(status) for status in Status},
        "probes": [
            {
                "statement": outcome.probe.statement,
                "from": str(outcome.probe.place or ""),
                "target": outcome.probe.target,
                "tool": tool(outcome.probe.check),
                "expected": expectation(outcome.probe.check),
                "status": outcome.status.value,
                "seen": outcome.seen,
                "seconds": round(outcome.seconds, 3),
            }
            for outcome in report.outcomes
        ],
    }
