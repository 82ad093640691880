"""What the engine costs before anything is deployed: validate, prove, plan."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from topology.bench.measure.base import Bench, Chart, Figure, Measure, Section
from topology.bench.record import Point, Sample, Subject

__all__ = ["EngineModel"]

_SMALLEST = 4
"""Deployed nodes of the proof of concept; larger networks are generated."""

_LARGE = 10_000
"""Nodes at which one execution is enough: it takes half a minute, and figures hardly vary."""

_SECONDS = {4: 2.8, 100: 1.8, 1_000: 4.7, _LARGE: 37.0}
"""About what one execution takes, of which starting Python is the most for small ones."""


def _figure(stage: str, title: str) -> Figure:
    return Figure(
        f"engine-{stage}", title, "s", "lower", chart=Chart.LINE, x="nodes", logarithmic=True
    )


class EngineModel(Measure):
    """Read, resolve and check a topology; prove its statements; plan what it deploys."""

    figure: ClassVar[Figure] = _figure("validate", "Read, resolve and check")
    prove: ClassVar[Figure] = _figure("prove", "Prove every statement")
    plan: ClassVar[Figure] = _figure("plan", "Plan the deployment")
    memory: ClassVar[Figure] = Figure(
        "engine-memory",
        "Memory of all that",
        "MiB",
        "lower",
        chart=Chart.LINE,
        x="nodes",
        logarithmic=True,
    )
    diff: ClassVar[Figure] = _figure("diff", "Diff after ten edits, beyond reading both")
    command: ClassVar[Figure] = Figure(
        "engine-diff-command", "topology diff HEAD, Python's start included", "s", "lower"
    )
    also: ClassVar[tuple[Figure, ...]] = (prove, plan, memory, diff, command)
    section: ClassVar[Section] = Section.ENGINE
    subjects: ClassVar[tuple[Subject, ...]] = (Subject.ENGINE,)
    method: ClassVar[str] = (
        "The proof of concept, and generated networks of firewalled DMZs with the statements that "
        "their teams would write, each in a fresh process. Seconds are the processor's: the "
        "engine is one thread that waits for nothing. Python's own start is not in them, except "
        "where a figure says so. Memory is that before the diff."
    )
    warmup: ClassVar[int] = 0

    def points(self, quick: bool) -> tuple[Point, ...]:
        """The number of nodes."""
        sizes = (4, 100, 1_000) if quick else (4, 1_000, _LARGE, 100)
        return tuple({"nodes": size} for size in sizes)

    def most(self, point: Point) -> int:
        """Once at the largest."""
        return 1 if point["nodes"] == _LARGE else super().most(point)

    def cost(self, subject: Subject, point: Point, quick: bool) -> float:
        """Mostly Python's start, and then the reading of large files."""
        return _SECONDS[int(point["nodes"])]

    def measure(
        self, subject: Subject, point: Point, repeat: int, bench: Bench
    ) -> Iterator[Sample]:
        """One process that does it all once."""
        from topology.bench.engine import measured

        size = int(point["nodes"])
        kind = "poc" if size == _SMALLEST else "network"
        (cost,) = measured([(kind, size)], bench.log)
        detail = {"nodes": cost.size, "statements": cost.statements, "holds": int(cost.holds)}
        values = {
            self.figure: cost.load + cost.resolve + cost.check,
            self.prove: cost.prove,
            self.plan: cost.plan,
            self.memory: cost.memory,
            self.diff: cost.diff,
            self.command: cost.command,
        }
        for figure, value in values.items():
            if value is None:
                continue
            yield self.sample(subject, point, repeat, value, figure=figure, detail=detail)
