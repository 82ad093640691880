"""The dataplane's figures of a run beside each other, and their ratios to the stock network's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from topology.bench.measure.base import Figure
from topology.bench.record import Point, Subject
from topology.bench.report.results import Results
from topology.bench.statistics import Estimate, Ratio, ratio

__all__ = ["DATAPLANE", "DATAPLANE_MINUTES", "Row", "rows"]

DATAPLANE = ("http", "dns", "tcp", "connections", "http-share", "rules", "http-connections")
"""The measures that are taken."""

DATAPLANE_MINUTES = 20.0
"""What a run takes that is not quick."""


@dataclass(frozen=True, slots=True)
class Row:
    """A figure at a point: each subject's, and all but the stock network's as ratios to it."""

    figure: Figure
    point: Point
    estimates: Mapping[Subject, Estimate]
    ratios: Mapping[Subject, Ratio]


def rows(results: Results) -> Iterator[Row]:
    """A row for each figure and point of the record, in the measures' order."""
    for figure in results.figures.values():
        for point in results.points(figure.name):
            estimates = {
                subject: found
                for subject in results.subjects(figure.name)
                if (found := results.estimate(figure.name, subject, point)) is not None
            }
            stock = results.samples(figure.name, Subject.STOCK, point)
            against = {
                subject: ratio(results.samples(figure.name, subject, point), stock)
                for subject in estimates
                if subject is not Subject.STOCK and stock
            }
            # No ratio where one of the medians is nothing.
            ratios: dict[Subject, Ratio] = {
                subject: one for subject, one in against.items() if one is not None
            }
            yield Row(figure, point, estimates, ratios)
