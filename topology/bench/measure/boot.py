"""From the create call to the service's first right answer, taken apart."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import ClassVar

from topology.bench.fleet.fleet import Fleet, Reply, fleet
from topology.bench.fleet.instances import Instance
from topology.bench.fleet.phases import Moments, phases
from topology.bench.fleet.timeline import Resumes, Timeline, ready_line
from topology.bench.measure.base import Bench, Chart, Figure, Measure, Section
from topology.bench.record import Point, Sample, Subject

__all__ = ["Boot", "BootDns", "BootEmulated"]

_METHOD = (
    "One node is started alone, as `pulumi up` starts it: the same domain XML, handed to libvirt's "
    "createXML; for containers their root is mounted first, for runc and stock a namespace and a "
    "veth pair are made first, and both count. Every 2 ms a frame is put into the node's own port, "
    "ARP until it is resolved, then the service's question, so that no kernel's retry interval "
    "rounds the result; the clock stops at the first right answer: HTTP 200 with the page's bytes, "
    "or the name's address. Cold: the image, the configuration and, for stock, nginx are dropped "
    "from the page cache; QEMU, libvirt and the kernel stay warm, so it is not a machine's first "
    "boot. Pulumi's own time is not in it: see the engine's figures."
)


class Boot(Measure):
    """A web server's start."""

    figure: ClassVar = Figure(
        "boot",
        "Create call to first right reply",
        "ms",
        "lower",
        headline=True,
        at={"cache": "warm"},
    )
    phase: ClassVar = Figure(
        "boot-phase",
        "Where a start's time goes",
        "ms",
        "lower",
        chart=Chart.STACK,
        x="phase",
        series="cache",
    )
    also = (phase,)
    section = Section.BOOT
    subjects: ClassVar[tuple[Subject, ...]] = (
        Subject.UNIKERNEL,
        Subject.CONTAINERS,
        Subject.RUNC,
        Subject.STOCK,
    )
    method = _METHOD
    tools: ClassVar[tuple[str, ...]] = ("ip", "nginx", "runc")
    service: ClassVar = "web"
    accelerator: ClassVar[str | None] = None

    def __init__(self) -> None:
        self._held: dict[Subject, tuple[ExitStack, Fleet, Timeline, Resumes | None]] = {}

    def points(self, quick: bool) -> tuple[Point, ...]:
        """Warm, then cold."""
        return ({"cache": "warm"}, {"cache": "cold"})

    def cost(self, subject: Subject, point: Point, quick: bool) -> float:
        """Start, stop and what is around them."""
        return 0.95 if subject is Subject.UNIKERNEL else 0.25

    def setup_cost(self, subject: Subject, quick: bool) -> float:
        """The fleet of one, and its end."""
        return 1.2

    def prepare(self, subject: Subject, bench: Bench) -> None:
        """Makes the fleet of one."""
        with ExitStack() as stack:
            ready = fleet(bench, subject, 1, service=self.service, accelerator=self.accelerator)
            chosen = stack.enter_context(ready)
            timeline = stack.enter_context(Timeline(chosen.directory))
            resumes = None
            if subject is Subject.UNIKERNEL:
                resumes = Resumes(bench.uri)
                stack.callback(resumes.close)
            self._held[subject] = (stack.pop_all(), chosen, timeline, resumes)

    def finish(self, subject: Subject, bench: Bench) -> None:
        """Takes it down."""
        if held := self._held.pop(subject, None):
            held[0].close()

    def measure(
        self, subject: Subject, point: Point, repeat: int, bench: Bench
    ) -> Iterator[Sample]:
        """Starts it once, and kills it."""
        _, chosen, timeline, resumes = self._held[subject]
        (instance,) = chosen.instances
        if point["cache"] == "cold":
            _forget(chosen.starter.made_of(instance))
        timeline.forget(chosen.starter.console(instance))
        reply = chosen.start(instance)
        console = chosen.starter.console(instance)
        moments = _moments(reply, instance, console, timeline, resumes)
        chosen.stop(instance)
        full = {**point, **self._more(bench)}
        yield self.sample(
            subject,
            full,
            repeat,
            reply.seconds * 1000,
            detail={"call_ms": (reply.start.returned - reply.start.prepared) * 1000},
        )
        for name, seconds in phases(subject, moments).items():
            yield self.sample(
                subject,
                {**full, "phase": name},
                repeat,
                seconds * 1000,
                figure=self.figures[1],
            )

    def _more(self, bench: Bench) -> Mapping[str, str]:
        return {}


class BootDns(Boot):
    """A DNS server's start."""

    figure = Figure("boot-dns", "Create call to first right answer, DNS", "ms", "lower")
    also = (
        Figure(
            "boot-dns-phase",
            "Where a DNS server's start goes",
            "ms",
            "lower",
            chart=Chart.STACK,
            x="phase",
            series="cache",
        ),
    )
    subjects = (Subject.UNIKERNEL, Subject.CONTAINERS, Subject.RUNC)
    tools = ("ip", "runc")
    service = "dns"


class BootEmulated(Boot):
    """A web server's start where the processor is emulated, for hosts without KVM."""

    figure = Figure("boot-emulated", "Create call to first right reply, emulated", "ms", "lower")
    also = (
        Figure(
            "boot-emulated-phase",
            "Where a start's time goes, emulated",
            "ms",
            "lower",
            chart=Chart.STACK,
            x="phase",
            series="cache",
        ),
    )
    subjects = (Subject.UNIKERNEL,)
    tools = ("ip",)
    accelerator = "tcg"


def _moments(
    reply: Reply,
    instance: Instance,
    console: Path,
    timeline: Timeline,
    resumes: Resumes | None,
) -> Moments:
    name = instance.domain.name.encode()
    marks = (b"guest=" + name + b",", b"--name\0" + name + b"\0")
    executed = [timeline.executed(mark, reply.start.began) for mark in marks]
    said = ready_line(console)
    return Moments(
        began=reply.start.began,
        prepared=reply.start.prepared,
        executed=next((at for at in executed if at is not None), None),
        resumed=resumes.at(instance.domain.name) if resumes is not None else None,
        ready=timeline.ready(console),
        uptime=None if said is None else float(said["uptime_us"]) / 1e6,
        answered=reply.answered,
    )


def _forget(files: Sequence[Path]) -> None:
    """Drops files from the page cache."""
    for file in files:
        descriptor = os.open(file, os.O_RDONLY)
        try:
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)
