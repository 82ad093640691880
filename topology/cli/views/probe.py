"""What probes saw, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from topology.cli.views.json import Json
from topology.probe.describe import expectation, family, tool
from topology.probe.results import Outcome, Report, Status
from topology.probe.run import Progress as OnOutcome

__all__ = ["print_report", "report_document", "show_progress"]

_SEVERITY = (Status.BROKEN, Status.ERROR, Status.SEEN)
_WIDTH = 140
"""Columns where the output is no terminal and nobody can widen it."""

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


def print_report(report: Report, *, every: bool) -> None:
    """A row a statement with what is not as stated below it; with `every`, a row a probe."""
    width = None if Console().is_terminal else _WIDTH
    console = Console(highlight=False, markup=False, emoji=False, width=width)
    title = f"{report.topology} as {report.variant}, seen on the wire"
    console.print(_all_probes(report, title) if every else _by_statement(report, title))
    counts = [f"{report.count(s)} {s.value}" for s in Status if report.count(s)]
    console.print(f"{', '.join(counts)} in {report.seconds:.1f} s")


def _by_statement(report: Report, title: str) -> Table:
    table = _table(title, "", "statement", "probes", "from", "with", "over", "not as stated")
    for statement, group in _grouped(report):
        worst = min((o.status for o in group), key=_SEVERITY.index)
        wrong = [o for o in group if o.status is not Status.SEEN]
        places = dict.fromkeys(str(o.probe.place) for o in group if o.probe.place is not None)
        table.add_row(
            Text(worst.symbol, style=_STYLE[worst]),
            Text(statement),
            Text(str(len(group))),
            Text(", ".join(places) or "libvirt's host"),
            Text(", ".join(dict.fromkeys(tool(o.probe.check) for o in group))),
            Text(", ".join(sorted({family(o.probe.check) for o in group} - {""}))),
            Text("\n".join(_told(o) for o in wrong), style=_STYLE[worst]),
        )
    return table


def _told(outcome: Outcome) -> str:
    start = f" (from {outcome.probe.place})" if outcome.probe.place is not None else ""
    return f"{expectation(outcome.probe.check)}{start}: {outcome.seen}"


def _all_probes(report: Report, title: str) -> Table:
    table = _table(title, "", "statement", "from", "expected", "seen")
    for statement, group in _grouped(report):
        shown = statement
        for outcome in group:
            table.add_row(*_row(outcome, shown))
            shown = ""
        table.add_section()
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _grouped(report: Report) -> list[tuple[str, list[Outcome]]]:
    groups: dict[str, list[Outcome]] = {}
    for outcome in report.outcomes:
        groups.setdefault(outcome.probe.statement, []).append(outcome)
    return list(groups.items())


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
                "family": family(outcome.probe.check),
                "expected": expectation(outcome.probe.check),
                "status": outcome.status.value,
                "seen": outcome.seen,
                "seconds": round(outcome.seconds, 3),
            }
            for outcome in report.outcomes
        ],
    }
