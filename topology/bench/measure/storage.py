"""Reads of local storage: a unikernel's virtio disk against a container's file."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack
from typing import ClassVar

from topology.bench.fleet.fleet import ground, planned
from topology.bench.fleet.readers import ContainerReader, Fio, Reader, Reads, UnikernelReader
from topology.bench.measure.base import Bench, Figure, Measure, Section
from topology.bench.record import Point, Sample, Subject
from topology.bench.storage import Pattern, Trial, write_data
from topology.image import ensure
from topology.platforms.types import Variant

__all__ = ["RandomReads", "SequentialReads"]

_DATA = 64 << 20
"""Bytes of the data: what every machine keeps in its page cache."""

_METHOD = (
    "A file of 64 MiB is read in pieces of {block}, {order}, one read at a time, by an image that "
    "does nothing else: in a unikernel from a read-only virtio disk that QEMU makes of the file, "
    "in a container from the file itself, bound into it read-only. Each read is timed by the "
    "node's own clock, and each page of 4 KiB says which it is: one wrong page fails the trial. "
    "Stock is fio (psync) on the host. Cached: the host has the file in its page cache. Direct: "
    "past it, with O_DIRECT or QEMU's cache=none. It shows what virtio-blk costs with one request "
    "outstanding, not what many at once could give, and says little of the host's disk."
)


class _Reads(Measure):
    section = Section.STORAGE
    subjects: ClassVar[tuple[Subject, ...]] = (
        Subject.UNIKERNEL,
        Subject.CONTAINERS,
        Subject.STOCK,
    )
    tools = ("fio",)
    pattern: ClassVar[Pattern]
    block: ClassVar[int]
    reads: ClassVar[int]

    def __init__(self) -> None:
        self._held: dict[Subject, tuple[ExitStack, Reader]] = {}

    def points(self, quick: bool) -> tuple[Point, ...]:
        """From the page cache, then past it."""
        return ({"cache": "cached"}, {"cache": "direct"})

    def cost(self, subject: Subject, point: Point, quick: bool) -> float:
        """A boot and some tenths of a second of reading."""
        unikernel = subject is Subject.UNIKERNEL
        return (1.3 if unikernel else 0.5) * (2 if point["cache"] == "direct" else 1)

    def prepare(self, subject: Subject, bench: Bench) -> None:
        """Writes the data, and finds the image that reads it."""
        with ExitStack() as stack:
            place, tag = stack.enter_context(ground(bench))
            data = place.directory / "data"
            write_data(data, _DATA)
            data.chmod(0o644)
            reader: Reader
            if subject is Subject.STOCK:
                reader = Fio(place, data)
            else:
                (instance,) = planned(bench, subject, 1, place, tag)
                unikernel = subject is Subject.UNIKERNEL
                variant = Variant.UNIKERNEL if unikernel else Variant.CONTAINERS
                image = ensure(variant, {"storage"}, root=bench.root)["storage"]
                make = UnikernelReader if unikernel else ContainerReader
                reader = make(place, instance, image, data)
            stack.callback(reader.close)
            self._held[subject] = (stack.pop_all(), reader)

    def finish(self, subject: Subject, bench: Bench) -> None:
        """Takes it down."""
        if held := self._held.pop(subject, None):
            held[0].close()

    def measure(
        self, subject: Subject, point: Point, repeat: int, bench: Bench
    ) -> Iterator[Sample]:
        """Makes one trial."""
        _, reader = self._held[subject]
        direct = point["cache"] == "direct"
        done = reader.read(Trial(self.pattern, self.block, self.reads, direct, seed=repeat))
        yield self.sample(subject, point, repeat, self.rate(done))
        for figure, value in zip(self.also, (done.p50, done.p99), strict=True):
            yield self.sample(subject, point, repeat, value, figure=figure)

    @abstractmethod
    def rate(self, done: Reads) -> float:
        """The figure of a trial."""


class SequentialReads(_Reads):
    """Megabytes a second, from the first byte to the last."""

    figure = Figure(
        "storage-sequential",
        "Sequential reads of 1 MiB",
        "MB/s",
        "higher",
        headline=True,
        at={"cache": "cached"},
    )
    also = (
        Figure("storage-sequential-p50", "A sequential read of 1 MiB: median", "us", "lower"),
        Figure("storage-sequential-p99", "A sequential read of 1 MiB: p99", "us", "lower"),
    )
    method = _METHOD.format(block="1 MiB", order="from its first byte to its last, four times")
    pattern = Pattern.SEQUENTIAL
    block = 1 << 20
    reads = 4 * _DATA // block

    def rate(self, done: Reads) -> float:
        """Megabytes (10^6 bytes) a second."""
        return done.size / done.seconds / 1e6


class RandomReads(_Reads):
    """Reads a second, each somewhere else."""

    figure = Figure(
        "storage-random",
        "Random reads of 4 KiB",
        "reads/s",
        "higher",
        headline=True,
        at={"cache": "cached"},
    )
    also = (
        Figure("storage-random-p50", "A random read of 4 KiB: median", "us", "lower"),
        Figure("storage-random-p99", "A random read of 4 KiB: p99", "us", "lower"),
    )
    method = _METHOD.format(block="4 KiB", order="at random by a seed, 10,000 times")
    pattern = Pattern.RANDOM
    block = 4096
    reads = 10_000

    def rate(self, done: Reads) -> float:
        """Reads a second."""
        return done.count / done.seconds
