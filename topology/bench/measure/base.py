"""What a measure is: what it compares, where in which sweep, how it is taken and shown."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Literal, Protocol

from topology.bench.record import Detail, Point, Sample, Subject
from topology.bench.stack import Stack
from topology.probe.places import Surroundings

__all__ = ["Bench", "Better", "Chart", "Figure", "Measure", "Section"]

Better = Literal["lower", "higher"]


class Section(StrEnum):
    """The part of the report that a measure stands in, in the report's order."""

    BOOT = "Boot"
    MEMORY = "Memory"
    CPU = "Processor"
    IMAGES = "Images"
    STORAGE = "Storage"
    LOAD = "Load"
    STUDY = "The study's scenarios"
    UPDATE = "Update"
    ENGINE = "The engine"


class Chart(StrEnum):
    """How a figure is drawn."""

    NONE = "none"
    DISTRIBUTION = "distribution"
    """Every sample, and the median, by subject; a panel a point."""
    LINE = "line"
    """Medians against `x`, a line a subject."""
    STACK = "stack"
    """Medians of the parts named by `x`, on top of each other, a bar a subject."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure that a measure gives.

    Its samples carry `name` as their measure. A `headline` is compared in the report's first
    table, at the points that contain `at` (all, if it is empty): keep those few. `x` is the key of
    the point that a chart is drawn along; `series` is one that makes panels.
    """

    name: str
    title: str
    unit: str
    better: Better
    headline: bool = False
    at: Point | None = None
    chart: Chart = Chart.DISTRIBUTION
    x: str = ""
    series: str = ""
    logarithmic: bool = False
    exact: bool = False
    """Whether it is the same each time, as a file's size is: once is enough for a conclusion."""


class Bench(Protocol):
    """What surrounds a measurement."""

    @property
    def root(self) -> Path:
        """The project whose stacks are measured."""

    @property
    def scratch(self) -> Path:
        """An existing directory for a measure's files; it goes away with the run."""

    @property
    def environment(self) -> Mapping[str, str]:
        """The lab's environment, for `pulumi`, `virsh` and `topology`."""

    @property
    def surroundings(self) -> Surroundings:
        """The namespaces in which libvirt runs."""

    @property
    def uri(self) -> str:
        """libvirt's QEMU driver; `topology.render.uri.lxc_uri` makes the LXC driver's of it."""

    @property
    def accelerator(self) -> str:
        """`kvm` or `tcg`."""

    @property
    def quick(self) -> bool:
        """Whether figures may be few and rough."""

    def stack(
        self, subject: Subject, topology: str | None = None, *, shared: bool = False
    ) -> Stack:
        """A deployed stack of this subject (unikernel, containers or shared).

        Of the proof of concept, it is deployed once and shared by all measures, which must leave
        it as it was. Of another `topology`, given as YAML text, it is destroyed after the measure,
        unless it is `shared` like the first.
        """

    def undeployed(self, subject: Subject, topology: str | None = None) -> Stack:
        """A stack of the caller's own that is made but not yet up; destroyed after the measure."""

    def log(self, text: str) -> None:
        """Says what is being done, beside the progress bar."""

    def note(self, text: str, measure: str = "", subject: str = "") -> None:
        """Writes down what the report must say; the same note twice stands once."""


class Measure(ABC):
    """One thing that is measured; a file of `topology.bench.measure` each.

    The runner calls `prepare` once for each subject, then, interleaved over the subjects inside
    each repeat and point, `measure`, and `finish` once for each subject whatever happened. What
    raises is recorded as a failure and the run goes on; `TopologyError`s are told by their text.
    """

    figure: ClassVar[Figure]
    """The figure that it is named by; the runner's repeats and the resumption go by its name."""
    also: ClassVar[tuple[Figure, ...]] = ()
    """What the same executions give besides."""
    section: ClassVar[Section]
    subjects: ClassVar[tuple[Subject, ...]]
    method: ClassVar[str]
    """How it is taken, for a sceptic: a few sentences, ending with what it does not show."""
    tools: ClassVar[tuple[str, ...]] = ()
    """Programs that load or look, whose versions the run records."""
    warmup: ClassVar[int] = 1
    """Executions at the first point that are discarded, for each subject; 0 for cold starts."""

    @property
    def name(self) -> str:
        """The name by which `--only` chooses it."""
        return self.figure.name

    @property
    def figures(self) -> tuple[Figure, ...]:
        """All that its executions give."""
        return (self.figure, *self.also)

    @abstractmethod
    def points(self, quick: bool) -> tuple[Point, ...]:
        """Where it is taken, the most telling first: a short run leaves out the last."""

    def repeats(self, quick: bool) -> int:
        """How often at each point: ten for headlines, three in sweeps, once what is exact."""
        if self.figure.exact:
            return 1
        if quick:
            return 3 if self.figure.headline else 1
        return 10 if self.figure.headline else 3

    def most(self, point: Point) -> int:
        """How often at most at a point: less than others where one execution takes minutes."""
        return self.repeats(quick=False)

    @abstractmethod
    def cost(self, subject: Subject, point: Point, quick: bool) -> float:
        """About how many seconds one execution takes."""

    def setup_cost(self, subject: Subject, quick: bool) -> float:
        """About how many seconds `prepare` and `finish` take."""
        return 0.0

    def needs(self) -> tuple[str, ...]:
        """Names of the programs without which it cannot run; looked up on PATH before it does."""
        return self.tools

    def prepare(self, subject: Subject, bench: Bench) -> None:  # noqa: B027 - it may be nothing
        """Deploys what `measure` needs; not timed."""

    @abstractmethod
    def measure(
        self, subject: Subject, point: Point, repeat: int, bench: Bench
    ) -> Iterator[Sample]:
        """Takes the figures once; `point` of a sample may have more keys than was asked for."""

    def finish(self, subject: Subject, bench: Bench) -> None:  # noqa: B027 - it may be nothing
        """Takes down what `prepare` made, whether or not that succeeded."""

    def sample(
        self,
        subject: Subject,
        point: Point,
        repeat: int,
        value: float,
        *,
        figure: Figure | None = None,
        detail: Detail | None = None,
    ) -> Sample:
        """A sample of one of its figures, its own where none is named."""
        chosen = figure or self.figure
        return Sample(
            measure=chosen.name,
            subject=subject,
            point=point,
            repeat=repeat,
            value=float(value),
            unit=chosen.unit,
            detail=detail or {},
        )
