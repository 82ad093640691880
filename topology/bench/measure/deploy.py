"""The engine with Pulumi and libvirt behind it: preview, up and destroy of networks that grow."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import ClassVar

from topology.bench.generate import dmz_network
from topology.bench.measure.base import Bench, Chart, Figure, Measure, Section
from topology.bench.record import Point, Sample, Subject

__all__ = ["Deploy"]

_SMALL = 4
"""Nodes of the proof of concept."""

_SIZES = (_SMALL, 12, 102)
"""Nodes that are deployed: the proof of concept, then networks of one and of ten DMZs."""

_SECONDS: Mapping[Subject, tuple[int, ...]] = {
    Subject.UNIKERNEL: (18, 19, 120),
    Subject.CONTAINERS: (21, 25, 95),
}
"""About what each of them takes, on two cores."""

_LARGE = 40
"""Nodes from which a size is deployed once: each takes minutes, up and down."""

_OUTSIDE = 1


class Deploy(Measure):
    """A stack from nothing to all of it running, and away again."""

    figure: ClassVar = Figure(
        "up",
        "pulumi up, from nothing",
        "s",
        "lower",
        chart=Chart.LINE,
        x="nodes",
        logarithmic=True,
    )
    preview = Figure(
        "preview", "pulumi preview", "s", "lower", chart=Chart.LINE, x="nodes", logarithmic=True
    )
    destroy = Figure(
        "destroy", "pulumi destroy", "s", "lower", chart=Chart.LINE, x="nodes", logarithmic=True
    )
    also = (preview, destroy)
    section = Section.ENGINE
    subjects = (Subject.UNIKERNEL, Subject.CONTAINERS)
    method = (
        "A stack is previewed, deployed and destroyed, each by one Pulumi command timed from its "
        "start to its end; 4 nodes are the proof of concept, "
        "12 and 102 are generated networks of one and of ten DMZs behind firewalls, proved "
        "before they are deployed as any is. `up` returns when libvirt has started everything, "
        "which is before the last node answers. Images are in the store: no build is timed."
    )
    warmup = 0

    def points(self, quick: bool) -> tuple[Point, ...]:
        """Small ones first."""
        return tuple({"nodes": size} for size in (_SIZES[:1] if quick else _SIZES))

    def most(self, point: Point) -> int:
        """Once at the large ones."""
        return 1 if int(point["nodes"]) > _LARGE else super().most(point)

    def cost(self, subject: Subject, point: Point, quick: bool) -> float:
        """From runs on two cores."""
        return _SECONDS[subject][_SIZES.index(int(point["nodes"]))]

    def measure(
        self, subject: Subject, point: Point, repeat: int, bench: Bench
    ) -> Iterator[Sample]:
        """The life of a stack."""
        nodes = int(point["nodes"])
        text = None if nodes == _SMALL else dmz_network(nodes + _OUTSIDE)
        stack = bench.undeployed(subject, text)
        steps = (
            (self.preview, lambda: stack.pulumi("preview")),
            (self.figure, stack.up),
            (self.destroy, stack.destroy),
        )
        for figure, step in steps:
            began = time.monotonic()
            step()
            yield self.sample(subject, point, repeat, time.monotonic() - began, figure=figure)
