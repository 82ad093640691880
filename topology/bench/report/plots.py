"""Plots as SVG: distributions, lines against a sweep, stacked parts; the same bytes every time.

Text stays text and takes the reader's colour, so that a plot is readable in light and in dark.
Subjects are told apart by colour and by marker; the colours are those that Okabe and Ito chose
for colour-blind readers, two of them darkened to be seen on white.
"""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from topology.bench.measure.base import Chart, Figure
from topology.bench.record import Point, Subject, point_text
from topology.bench.report.results import Results
from topology.bench.report.words import NAMES, fitting
from topology.bench.statistics import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

__all__ = ["draw"]

_INK = "#010203"
"""Stands for the reader's own colour until the plot is written."""

_STYLES: Mapping[Subject, tuple[str, str]] = {
    Subject.UNIKERNEL: ("#0072b2", "o"),
    Subject.CONTAINERS: ("#d55e00", "s"),
    Subject.SHARED: ("#b8860b", "D"),
    Subject.STOCK: ("#009e73", "^"),
    Subject.RUNC: ("#b5608f", "v"),
    Subject.ENGINE: ("#0072b2", "o"),
}
"""Colour and marker of each subject."""

_PARTS = (
    *("#0072b2", "#d9a400", "#009e73", "#d55e00", "#b5608f"),
    *("#56b4e9", "#888888", "#8a5a2b", "#5b4ea0", "#7fa650"),
)
_HATCHES = ("", "//", "", "\\\\", "", "..", "", "xx", "--", "")
"""Colours of stacked parts, and patterns that tell neighbours apart without colour."""

_WIDTH = 8.0
_PANELS = 8
"""Panels that are drawn at most: the table has all."""

_FEWEST = 3
"""Samples that a distribution is drawn of at least: the table says all of fewer."""

_WIDE = 20.0
"""A sweep whose ends are further apart than this, as a quotient, is drawn logarithmically."""

_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "topology",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _INK,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "grid.color": _INK,
    "grid.alpha": 0.15,
    "grid.linewidth": 0.6,
    "hatch.linewidth": 0.6,
    "legend.frameon": False,
    "xtick.color": _INK,
    "ytick.color": _INK,
}

_TITLE = 30
"""Characters of a line that fit above a panel."""

_SMALL = 0.001
"""What is smaller is written with a power of ten."""
_LONG = 10_000
"""From here on few labels fit beside each other."""


def draw(results: Results, figure: Figure) -> str | None:
    """A figure's plot; `None` where it has none or too little to show."""
    points = results.points(figure.name)
    if figure.chart is Chart.NONE or not points:
        return None
    if figure.chart is Chart.LINE and len({point.get(figure.x) for point in points}) < 2:
        return None
    if figure.chart is Chart.DISTRIBUTION and not _enough(results, figure):
        return None
    import matplotlib as mpl

    with mpl.rc_context(_SETTINGS):
        canvas = {
            Chart.DISTRIBUTION: _distributions,
            Chart.LINE: _lines,
            Chart.STACK: _stacks,
        }[figure.chart](results, figure, points)
        return _svg(canvas)


def _enough(results: Results, figure: Figure) -> bool:
    """Whether a figure was taken often enough anywhere for its distribution to say something.

    What is zero at its median everywhere says all in its table.
    """
    return any(
        one.count >= _FEWEST and one.median != 0
        for (name, _, _), one in results.estimates.items()
        if name == figure.name
    )


def _canvas(count: int, height: float) -> tuple[Canvas, Sequence[Axes]]:
    """A grid of so many panels, each `height` inches, and no window behind it."""
    from matplotlib.figure import Figure as Canvas

    columns = min(2, count)
    rows = math.ceil(count / columns)
    canvas = Canvas(figsize=(_WIDTH, rows * height + 0.4), layout="constrained")
    axes = canvas.subplots(rows, columns, squeeze=False).flatten().tolist()
    for spare in axes[count:]:
        spare.set_axis_off()
    return canvas, axes[:count]


def _svg(canvas: Canvas) -> str:
    text = io.StringIO()
    canvas.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    # What stands before the element is for files of their own.
    svg = text.getvalue()
    return svg[svg.index("<svg") :].replace(_INK, "currentColor")


def _distributions(results: Results, figure: Figure, points: Sequence[Point]) -> Canvas:
    """Every sample as a mark, the median and its interval as a bar, a row a subject."""
    chosen = list(points)[:_PANELS]
    subjects = results.subjects(figure.name)
    canvas, axes = _canvas(len(chosen), 0.42 * len(subjects) + 0.9)
    for axis, point in zip(axes, chosen, strict=True):
        taken = {s: results.samples(figure.name, s, point) for s in subjects}
        scale, unit = fitting(figure.unit, [v for values in taken.values() for v in values])
        for row, subject in enumerate(reversed(subjects)):
            values = [value / scale for value in taken[subject]]
            found = results.estimate(figure.name, subject, point)
            if found is None:
                continue
            colour, marker = _STYLES[subject]
            # Marks of equal values are moved apart, always in the same way.
            heights = [row + 0.22 * ((n * 7 % 5) / 4 - 0.5) for n in range(len(values))]
            axis.plot(values, heights, marker, color=colour, alpha=0.55, markersize=4, mew=0)
            axis.plot([found.median / scale] * 2, [row - 0.32, row + 0.32], color=_INK, lw=2)
            axis.plot([found.low / scale, found.high / scale], [row, row], color=_INK, lw=1)
        axis.set_yticks(range(len(subjects)), [NAMES[s] for s in reversed(subjects)])
        axis.set_ylim(-0.6, len(subjects) - 0.4)
        axis.grid(visible=False, axis="y")
        _ticks(axis)
        axis.set_xlabel(unit)
        axis.set_xlim(left=0)
        axis.set_title(_title(point))
    return canvas


def _title(point: Point) -> str:
    """A panel's title, in lines that are no longer than a panel is wide."""
    return textwrap.fill(point_text(point), _TITLE)


def _ticks(axis: Axes) -> None:
    """Few ticks along the values, thousands apart."""
    from matplotlib.ticker import MaxNLocator

    axis.xaxis.set_major_locator(MaxNLocator(3 if axis.get_xlim()[1] >= _LONG else 5))
    axis.xaxis.set_major_formatter(_tick)


def _tick(value: float, _: object) -> str:
    """A tick's label; small fractions stand with a power of ten."""
    return f"{value:,.10g}" if not value or abs(value) >= _SMALL else f"{value:.0e}"


def _between(value: float, _: object) -> str:
    """The label of a tick between powers of ten: twos and fives alone."""
    return _tick(value, None) if f"{value:.0e}"[0] in "25" else ""


def _lines(results: Results, figure: Figure, points: Sequence[Point]) -> Canvas:
    """Medians against the sweep, the interval as a band."""
    panels = _panels(points, figure.x)[:_PANELS]
    canvas, axes = _canvas(len(panels), 2.7)
    scale, unit = _scale(results, figure)
    for axis, (rest, part) in zip(axes, panels, strict=True):
        numbers = sorted({float(point[figure.x]) for point in part})
        for subject in results.subjects(figure.name):
            found = [
                (float(point[figure.x]), one)
                for point in part
                if (one := results.estimate(figure.name, subject, point)) is not None
            ]
            if found:
                _line(axis, subject, found, scale)
        if figure.logarithmic:
            axis.set_yscale("log")
        else:
            axis.set_ylim(bottom=0)
        if numbers[0] > 0 and numbers[-1] / numbers[0] > _WIDE:
            axis.set_xscale("log")
        axis.xaxis.set_major_formatter(_tick)
        axis.yaxis.set_major_formatter(_tick)
        axis.yaxis.set_minor_formatter(_between)
        axis.set_xlabel(figure.x)
        axis.set_ylabel(unit)
        axis.set_title(_title(rest))
    _legend(canvas, axes[0])
    return canvas


def _line(
    axis: Axes, subject: Subject, found: Sequence[tuple[float, Estimate]], scale: float
) -> None:
    colour, marker = _STYLES[subject]
    x = [where for where, _ in found]
    axis.plot(
        x,
        [one.median / scale for _, one in found],
        color=colour,
        marker=marker,
        markersize=4,
        label=NAMES[subject],
    )
    low, high = [one.low / scale for _, one in found], [one.high / scale for _, one in found]
    axis.fill_between(x, low, high, color=colour, alpha=0.2, lw=0)


def _stacks(results: Results, figure: Figure, points: Sequence[Point]) -> Canvas:
    """Medians of parts on top of each other, a bar a subject."""
    panels = _panels(points, figure.x)[:_PANELS]
    subjects = results.subjects(figure.name)
    canvas, axes = _canvas(len(panels), 0.5 * len(subjects) + 0.9)
    scale, unit = _scale(results, figure)
    parts = list(dict.fromkeys(str(point[figure.x]) for point in points))
    for axis, (rest, part) in zip(axes, panels, strict=True):
        for row, subject in enumerate(reversed(subjects)):
            left = 0.0
            # In the subject's own order, which is the order in which its parts happen.
            for point in results.points(figure.name, subject):
                one = results.estimate(figure.name, subject, point)
                if one is None or point not in part:
                    continue
                at = parts.index(str(point[figure.x]))
                axis.barh(
                    row,
                    one.median / scale,
                    left=left,
                    height=0.6,
                    color=_PARTS[at % len(_PARTS)],
                    hatch=_HATCHES[at % len(_HATCHES)],
                    edgecolor=_INK,
                    linewidth=0.5,
                    label=parts[at],
                )
                left += one.median / scale
        axis.set_yticks(range(len(subjects)), [NAMES[s] for s in reversed(subjects)])
        axis.grid(visible=False, axis="y")
        _ticks(axis)
        axis.set_xlabel(unit)
        axis.set_title(_title(rest))
    _legend(canvas, *axes)
    return canvas


def _panels(points: Sequence[Point], x: str) -> list[tuple[Point, list[Point]]]:
    """Points that differ in `x` alone, together, with what they share."""
    panels: dict[tuple[tuple[str, Any], ...], list[Point]] = {}
    for point in points:
        if x in point:
            rest = tuple(sorted((k, v) for k, v in point.items() if k != x))
            panels.setdefault(rest, []).append(point)
    return [(dict(rest), part) for rest, part in panels.items()]


def _scale(results: Results, figure: Figure) -> tuple[float, str]:
    """One scale for all panels, so that they can be compared."""
    medians = sorted(_medians(results, figure))
    # Where powers of ten are apart alike, the middle is what reads well.
    return fitting(
        figure.unit, [medians[len(medians) // 2]] if figure.logarithmic and medians else medians
    )


def _medians(results: Results, figure: Figure) -> Iterator[float]:
    for (name, _, _), one in results.estimates.items():
        if name == figure.name:
            yield one.median


def _legend(canvas: Canvas, *axes: Axes) -> None:
    """One legend above all panels, each label once."""
    found: dict[str, Any] = {}
    for axis in axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    if len(found) > 1:
        canvas.legend(
            list(found.values()), list(found), loc="outside upper left", ncols=min(4, len(found))
        )
