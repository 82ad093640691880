"""What changed between two runs, and what only looks as if it had."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from topology.bench.measure.base import Figure
from topology.bench.record import Point, Subject
from topology.bench.report.results import EFFECT, Results
from topology.bench.statistics import Ratio, ratio

__all__ = ["LEVEL", "Change", "Comparison", "Outcome", "compare"]

LEVEL = 0.99
"""Intervals of hundreds of ratios at 95 % would call one in twenty changed that is not."""


class Outcome(StrEnum):
    """What is said of a figure."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "same"
    UNSURE = "unsure"
    """Too few samples, or too scattered."""


@dataclass(frozen=True, slots=True)
class Change:
    """One figure of one subject at one point in both runs; the ratio is new : old."""

    figure: Figure
    subject: Subject
    point: Point
    ratio: Ratio

    @property
    def outcome(self) -> Outcome:
        """By rule, as the report's own."""
        if not (self.ratio.sound or self.figure.exact):
            return Outcome.UNSURE
        if not self.ratio.differs(EFFECT):
            return Outcome.SAME
        lower = self.ratio.value < 1
        return Outcome.BETTER if lower == (self.figure.better == "lower") else Outcome.WORSE


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs against each other."""

    changes: tuple[Change, ...]
    unequal: tuple[str, ...]
    """What else differs between the runs, so that a change may not be the code's."""
    alone: tuple[int, int]
    """Figures that only the old, and only the new run has."""

    @property
    def differs(self) -> bool:
        """Whether a figure changed."""
        return any(one.outcome in (Outcome.BETTER, Outcome.WORSE) for one in self.changes)


def compare(old: Results, new: Results) -> Comparison:
    """Every figure that both runs have, in the order of the measures."""
    shared = [key for key in new.values if key in old.values]
    order = {name: number for number, name in enumerate(new.figures)}
    shared.sort(key=lambda key: (order[key[0]], str(key[2]), key[1].value))
    changes = []
    for name, subject, key in shared:
        quotient = ratio(
            new.values[name, subject, key], old.values[name, subject, key], level=LEVEL
        )
        if quotient is not None:
            changes.append(Change(new.figures[name], subject, dict(key), quotient))
    only = (len(old.values) - len(shared), len(new.values) - len(shared))
    return Comparison(tuple(changes), tuple(_unequal(old, new)), only)


_FACTS = ("processor", "cores", "memory_mib", "kernel", "accelerator", "governor", "rootfs")


def _unequal(old: Results, new: Results) -> Iterator[str]:
    for fact in _FACTS:
        before, after = old.run.machine.get(fact), new.run.machine.get(fact)
        if before != after:
            yield f"{fact}: {before} in the old run, {after} in the new one"
    for tool in sorted(old.run.tools.keys() & new.run.tools.keys()):
        before, after = old.run.tools[tool], new.run.tools[tool]
        if before != after:
            yield f"{tool}: {before} in the old run, {after} in the new one"
    if old.run.options.get("quick") != new.run.options.get("quick"):
        yield "one of the runs is a quick one"
