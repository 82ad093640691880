"""The parts of a report that hold a measure's figures: method, table, plot, what went wrong."""

from __future__ import annotations

from collections.abc import Iterator

from topology.bench.measure.base import Chart, Figure, Measure, Section
from topology.bench.record import Point, Subject, point_text
from topology.bench.report.document import Block, Heading, Items, Paragraph, Picture, Table
from topology.bench.report.plots import draw
from topology.bench.report.published import published
from topology.bench.report.results import Results
from topology.bench.report.words import NAMES, estimate_cell, fitting, number, place

__all__ = ["reasons", "sections"]

_LONG = 12
"""Rows above which a table is folded under its title, where there is a plot of it."""


def sections(results: Results) -> Iterator[Block]:
    """A section for each part of the comparison that has figures, or says why it has none."""
    for section in Section:
        measures = [one for one in results.measures if one.section is section]
        blocks: list[Block] = []
        told = ""
        for one in measures:
            blocks.extend(_measure(results, one, told))
            told = one.method
        if not blocks:
            continue
        yield Heading(section.value)
        yield from blocks
        yield from _published(section)


def reasons(results: Results) -> Iterator[str]:
    """What the parts of stacked figures say of where the time, or the size, goes."""
    for figure in results.figures.values():
        if figure.chart is not Chart.STACK:
            continue
        for rest in _without(results.points(figure.name), figure.x):
            told = [
                text
                for subject in results.subjects(figure.name)
                if (text := _largest(results, figure, subject, rest))
            ]
            if told:
                where = f" ({point_text(rest)})" if rest else ""
                yield f"{figure.title}{where}: {'; '.join(told)}."


def _largest(results: Results, figure: Figure, subject: Subject, rest: Point) -> str:
    parts = {
        str(point[figure.x]): one.median
        for point in results.points(figure.name)
        if rest.items() <= point.items()
        and (one := results.estimate(figure.name, subject, point)) is not None
    }
    total = sum(parts.values())
    if total <= 0:
        return ""
    part = max(parts, key=lambda name: parts[name])
    scale, unit = fitting(figure.unit, [total])
    return (
        f"{NAMES[subject]} {number(total / scale)} {unit}, "
        f"of which {part} takes {parts[part] / total:.0%}"
    )


def _measure(results: Results, measure: Measure, told: str) -> Iterator[Block]:
    """A measure's part; `told` is the method that stands above it already."""
    present = [one for one in measure.figures if results.points(one.name)]
    wrong = list(_wrong(results, measure))
    if not present and not wrong:
        return
    yield Heading(measure.figure.title, 3)
    # What gave no figure need not say how.
    method = "As above." if measure.method == told else measure.method
    yield Paragraph(f"{method} (`{measure.name}`)" if present else f"(`{measure.name}`)")
    if wrong:
        yield Items(wrong, warning=True)
    for figure in present:
        svg = draw(results, figure)
        if svg is not None:
            # The title is above it already where it is the measure's own.
            yield Picture(figure.name, svg, _caption(figure))
        yield _table(results, figure, folded=svg is not None)


def _caption(figure: Figure) -> str:
    direction = f"{figure.better} is better"
    kind = {
        Chart.DISTRIBUTION: "every sample, its median and the median's interval",
        Chart.LINE: f"medians and their intervals against {figure.x}",
        Chart.STACK: "medians of the parts, on top of each other",
        Chart.NONE: "",
    }[figure.chart]
    return f"{figure.title}: {kind}; {direction}"


def _table(results: Results, figure: Figure, *, folded: bool) -> Table:
    points, subjects = results.points(figure.name), results.subjects(figure.name)
    rows = []
    for point in points:
        found = [results.estimate(figure.name, subject, point) for subject in subjects]
        medians = [abs(one.median) for one in found if one is not None and one.median]
        # By the least: a great figure in a small unit keeps its digits, not the other way about.
        scale = fitting(figure.unit, [min(medians, default=0.0)])
        cells = ["" if one is None else estimate_cell(one, figure.unit, scale) for one in found]
        rows.append([place(point) or figure.title, *cells])
    title = (
        f"{figure.title}: medians, 95 % intervals, samples" if folded and len(rows) > _LONG else ""
    )
    return Table([figure.title, *(NAMES[subject] for subject in subjects)], rows, folded=title)


def _wrong(results: Results, measure: Measure) -> Iterator[str]:
    for note in results.notes:
        if note.measure == measure.name:
            yield f"{_who(note.subject)}{note.text}"
    counted: dict[str, int] = {}
    for failure in results.failures:
        if failure.measure == measure.name:
            text = f"{_who(failure.subject)}no figure: {failure.text}"
            counted[text] = counted.get(text, 0) + 1
    for text, times in counted.items():
        yield text if times == 1 else f"{text} ({times} times)"


def _who(subject: str) -> str:
    return f"{NAMES[Subject(subject)]}: " if subject in set(Subject) else ""


def _published(section: Section) -> Iterator[Block]:
    rows = [[one.system, one.figure, one.source] for one in published() if one.section is section]
    if rows:
        yield Paragraph("Published figures, from other machines: no ratio is drawn with them.")
        yield Table(["system", "published figure", "source"], rows, text=True)


def _without(points: list[Point], x: str) -> list[Point]:
    rests = dict.fromkeys(
        tuple(sorted((key, value) for key, value in point.items() if key != x)) for point in points
    )
    return [dict(rest) for rest in rests]
