"""Writes a report: Markdown, HTML, plots, and the record that they are made from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from topology.bench.measure.base import Measure
from topology.bench.record import read_lines
from topology.bench.report.compose import SIGNS, brief_table, compose, title
from topology.bench.report.document import Picture
from topology.bench.report.html import page
from topology.bench.report.markdown import markdown, table
from topology.bench.report.results import Results

__all__ = ["DATA", "REPORT", "headline_markdown", "read_results", "write_report"]

DATA = "data.jsonl"
"""The record's name in a run's directory."""

REPORT = ("report.md", "report.html")

_PLOTS = "plots"

_OUTSIDE = (
    "<style>:root { color: #333333 } "
    "@media (prefers-color-scheme: dark) { :root { color: #dddddd } }</style>"
)
"""What gives a plot its ink where no page does."""


def read_results(where: Path, measures: Sequence[Measure]) -> Results:
    """The results of a run: of its directory, or of a record. Raises `RecordError`."""
    path = where / DATA if where.is_dir() else where
    return Results(read_lines(path, cut=True), measures)


def write_report(where: Path, output: Path, measures: Sequence[Measure]) -> tuple[Path, ...]:
    """Writes the report of the run in `where` into `output`, with its record; returns the files."""
    results = read_results(where, measures)
    blocks = compose(results)
    output.mkdir(parents=True, exist_ok=True)
    plots = output / _PLOTS
    plots.mkdir(exist_ok=True)
    for stale in plots.glob("*.svg"):
        stale.unlink()
    for block in blocks:
        if isinstance(block, Picture):
            alone = block.svg.replace(">", f">{_OUTSIDE}", 1)
            (plots / f"{block.name}.svg").write_text(alone, encoding="utf-8")
    texts = (markdown(blocks, _PLOTS), page(title(results), blocks))
    files = tuple(output / name for name in REPORT)
    for file, text in zip(files, texts, strict=True):
        file.write_text(text, encoding="utf-8")
    source, copy = (where / DATA if where.is_dir() else where), output / DATA
    if not copy.exists() or not copy.samefile(source):
        copy.write_bytes(source.read_bytes())
    return (*files, copy)


def headline_markdown(results: Results) -> str:
    """The table of ratios alone, dated, for a README."""
    rows = list(results.headlines())
    machine = results.run.machine
    unequal = "".join(f"- {text}\n" for text in results.run.unequal[:1])
    unequal += "\n" if unequal else ""
    return (
        f"Taken {results.run.started[:10]} on {machine.get('cores')} cores of "
        f"{machine.get('processor')}, accelerator {machine.get('accelerator')}: medians, and their "
        f"ratios unikernel : other. ↓ lower is better, ↑ higher; {SIGNS}\n\n"
        f"{unequal}{table(brief_table(rows))}\n"
    )
