"""Measures that take no time and a bench that holds nothing, to test what runs and reports them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from topology.bench.measure.base import Bench, Chart, Figure, Measure, Section
from topology.bench.record import Note, Point, Run, Sample, Subject
from topology.bench.stack import Stack
from topology.probe.places import Surroundings

__all__ = ["RUN", "Boot", "Ground", "Latency", "Watch", "fakes"]

RUN = Run(
    version=1,
    started="2026-01-02T03:04:05+00:00",
    machine={
        "accelerator": "kvm",
        "cores": 2,
        "governor": None,
        "kernel": "6.1",
        "memory_mib": 4096,
        "processor": "a processor",
        "system": "a system",
    },
    tools={"python": "3.11.2", "wrk": "4.1.0"},
    digests={"poc.yaml": "0" * 64, "unikernel/web": "1" * 64},
    options={"minutes": None, "only": [], "quick": 0},
    unequal=("A unikernel has one processor, a container may use 2.",),
)


class Clock:
    """A clock that only moves when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Ground:
    """A bench without a lab; it remembers what it was told."""

    root: Path = Path()
    scratch: Path = Path()
    environment: Mapping[str, str] = field(default_factory=dict)
    surroundings: Surroundings = field(default_factory=lambda: Surroundings(None))
    uri: str = "test:///default"
    accelerator: str = "kvm"
    quick: bool = False
    said: list[str] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    released: int = 0

    def stack(
        self, subject: Subject, topology: str | None = None, *, shared: bool = False
    ) -> Stack:
        raise AssertionError(f"no stack is asked for, of {subject}")

    def undeployed(self, subject: Subject, topology: str | None = None) -> Stack:
        raise AssertionError(f"no stack is asked for, of {subject}")

    def log(self, text: str) -> None:
        self.said.append(text)

    def note(self, text: str, measure: str = "", subject: str = "") -> None:
        self.notes.append(Note(text, measure, subject))

    def release(self) -> None:
        self.released += 1


class Watch:
    """A progress that keeps what it is shown."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.left: list[float] = []

    def advance(self, title: str, spent: float, left: float) -> None:
        self.lines.append(title)
        self.left.append(left)

    def say(self, text: str) -> None:
        self.lines.append(text)


class _Fake(Measure):
    """A measure whose values are drawn around a middle by a seed; it keeps what it was called."""

    middles: ClassVar[Mapping[Subject, float]]
    noise: ClassVar[float] = 0.03
    seconds: ClassVar[float] = 1.0

    def __init__(self, clock: Clock | None = None) -> None:
        self.calls: list[str] = []
        self.clock = clock or Clock()

    @property
    def subjects(self) -> tuple[Subject, ...]:  # type: ignore[override]
        return tuple(self.middles)

    def cost(self, subject: Subject, point: Point, quick: bool) -> float:
        return self.seconds

    def prepare(self, subject: Subject, bench: Bench) -> None:
        self.calls.append(f"prepare {subject}")

    def finish(self, subject: Subject, bench: Bench) -> None:
        self.calls.append(f"finish {subject}")

    def value(self, subject: Subject, point: Point, repeat: int) -> float:
        draw = random.Random(f"{self.name} {subject} {sorted(point.items())} {repeat}")
        return self.middles[subject] * draw.gauss(1, self.noise)

    def measure(
        self, subject: Subject, point: Point, repeat: int, bench: Bench
    ) -> Iterator[Sample]:
        self.calls.append(f"measure {subject} {dict(point)} {repeat}")
        self.clock.now += self.seconds
        yield self.sample(subject, point, repeat, self.value(subject, point, repeat))


class Boot(_Fake):
    """A headline with its parts, faster as a container."""

    figure = Figure("boot", "Create call to first reply", "s", "lower", headline=True)
    phases = Figure("boot-phases", "Parts of boot", "s", "lower", chart=Chart.STACK, x="phase")
    also: ClassVar[tuple[Figure, ...]] = (phases,)
    section = Section.BOOT
    method = "Creates a domain and asks it until it replies."
    tools = ("python3",)
    middles: ClassVar = {
        Subject.UNIKERNEL: 0.5,
        Subject.CONTAINERS: 0.11,
        Subject.SHARED: 0.12,
        Subject.RUNC: 0.12,
    }

    def points(self, quick: bool) -> tuple[Point, ...]:
        return ({"state": "warm"},) if quick else ({"state": "warm"}, {"state": "cold"})

    def measure(
        self, subject: Subject, point: Point, repeat: int, bench: Bench
    ) -> Iterator[Sample]:
        for sample in super().measure(subject, point, repeat, bench):
            yield sample
            for phase, share in (("libvirt", 0.8), ("guest", 0.15), ("first reply", 0.05)):
                yield self.sample(
                    subject,
                    {**point, "phase": phase},
                    repeat,
                    sample.value * share,
                    figure=self.phases,
                )


class Throughput(_Fake):
    """A headline where more is better; the stock servers' figures are scattered."""

    figure = Figure("http", "HTTP through the whole path", "requests/s", "higher", headline=True)
    section = Section.LOAD
    method = "Asks for the page on 32 connections."
    middles: ClassVar = {
        Subject.UNIKERNEL: 23_000.0,
        Subject.CONTAINERS: 41_000.0,
        Subject.SHARED: 23_300.0,
        Subject.STOCK: 55_000.0,
    }

    def points(self, quick: bool) -> tuple[Point, ...]:
        return ({},)

    def value(self, subject: Subject, point: Point, repeat: int) -> float:
        value = super().value(subject, point, repeat)
        return value * (1.5 if subject is Subject.STOCK and repeat % 2 else 1.0)


class Latency(_Fake):
    """A sweep along two keys."""

    figure = Figure(
        "latency", "Latency of HTTP", "s", "lower", chart=Chart.LINE, x="rate", logarithmic=True
    )
    section = Section.LOAD
    method = "Asks at a fixed rate, whatever the replies do."
    middles: ClassVar = {Subject.UNIKERNEL: 0.0004, Subject.CONTAINERS: 0.0002}

    def points(self, quick: bool) -> tuple[Point, ...]:
        rates = (100, 1_000, 10_000)
        return tuple({"rate": rate, "quantile": q} for q in ("p50", "p99") for rate in rates)

    def value(self, subject: Subject, point: Point, repeat: int) -> float:
        slow = 3.0 if point["quantile"] == "p99" else 1.0
        return super().value(subject, point, repeat) * slow * (1 + float(point["rate"]) / 5_000)


def fakes(clock: Clock | None = None) -> tuple[_Fake, ...]:
    """One of each."""
    shared = clock or Clock()
    return (Boot(shared), Throughput(shared), Latency(shared))
