"""The dataplane's figures as a table, or as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from topology.bench.dataplane import Row
from topology.bench.record import Subject
from topology.bench.report.results import Results
from topology.bench.report.words import NAMES, estimate_text, fitting, place, ratio_text
from topology.bench.statistics import LEVEL
from topology.cli.views.json import Json

__all__ = ["dataplane_document", "print_dataplane"]

_WIDTH = 160
"""Columns where the output is no terminal and nobody can widen it."""


def print_dataplane(results: Results, rows: Sequence[Row]) -> None:
    """Prints the table, what is unequal first and what gave no figure last."""
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, width=_WIDTH)
    for text in results.run.unequal:
        console.print(f"not the same: {text}")
    subjects = [one for one in Subject if any(one in row.estimates for row in rows)]
    table = Table("figure", *(NAMES[one] for one in subjects))
    for row in rows:
        scale = fitting(row.figure.unit, [one.median for one in row.estimates.values()])
        where = place(row.point)
        title = f"{row.figure.title}{f', {where}' if where else ''}"
        cells = []
        for subject in subjects:
            found = row.estimates.get(subject)
            text = "" if found is None else estimate_text(found, row.figure.unit, scale)
            if subject in row.ratios:
                text += f"\n{ratio_text(row.ratios[subject])} of stock"
            cells.append(text)
        table.add_row(f"{title}\n({row.figure.better} is better)", *cells)
    console.print(table)
    console.print(f"medians with {LEVEL:.0%} intervals; ⚠ too scattered to rest anything on")
    for note in results.notes:
        console.print(f"note: {' '.join(filter(None, (note.measure, note.subject, note.text)))}")
    for one in results.failures:
        console.print(f"no figure: {one.measure} {one.subject} {place(one.point)}: {one.text}")


def dataplane_document(results: Results, rows: Sequence[Row]) -> Json:
    """The same for machines."""
    return {
        "version": 1,
        "started": results.run.started,
        "unequal": list(results.run.unequal),
        "rows": [
            {
                "figure": row.figure.name,
                "title": row.figure.title,
                "unit": row.figure.unit,
                "better": row.figure.better,
                "point": dict(row.point),
                "subjects": {
                    subject.value: {
                        **asdict(found),
                        "ratio_to_stock": (
                            {"value": one.value, "low": one.low, "high": one.high}
                            if (one := row.ratios.get(subject)) is not None
                            else None
                        ),
                    }
                    for subject, found in row.estimates.items()
                },
            }
            for row in rows
        ],
        "notes": [asdict(note) for note in results.notes],
        "failures": [
            {"measure": f.measure, "subject": f.subject, "text": f.text} for f in results.failures
        ],
    }
