"""What the measures that load a network have in common: the network itself, and the subjects."""

from __future__ import annotations

from contextlib import ExitStack
from typing import ClassVar

from topology.bench.load.site import Site, site
from topology.bench.measure.base import Bench, Measure, Section
from topology.bench.record import Point, Subject

__all__ = ["CONDITIONS", "SUBJECTS", "OnSite"]

SUBJECTS = (Subject.UNIKERNEL, Subject.CONTAINERS, Subject.SHARED, Subject.STOCK)

CONDITIONS = (
    "On the segment one core loads and all processes of the subject share another; through "
    "firewall and router both may use both, because what the kernel forwards it forwards on the "
    "core of whoever sends. Both places attach by veth to the bridges that the nodes are on."
)


class OnSite(Measure):
    """A measure that loads a subject's network from its places."""

    section: ClassVar[Section] = Section.LOAD
    subjects: ClassVar[tuple[Subject, ...]] = SUBJECTS
    needs_sink: ClassVar[bool] = False
    seconds: ClassVar[tuple[int, int]] = (1, 1)
    """How long a load lasts, quick and not; wrk and iperf3 know whole seconds alone."""

    def __init__(self) -> None:
        self._held: dict[Subject, tuple[ExitStack, Site]] = {}

    def cost(self, subject: Subject, point: Point, quick: bool) -> float:
        """The load and what is around it."""
        return self.lasting(quick) + 0.12

    def setup_cost(self, subject: Subject, quick: bool) -> float:
        """Places, and the stack where it is another than the proof of concept."""
        return 10.0 if self.needs_sink and subject is not Subject.STOCK else 1.0

    def lasting(self, quick: bool) -> int:
        """Seconds of one load."""
        return self.seconds[0 if quick else 1]

    def prepare(self, subject: Subject, bench: Bench) -> None:
        """Brings the network up, with its places."""
        with ExitStack() as stack:
            found = stack.enter_context(site(subject, bench, sink=self.needs_sink))
            self._held[subject] = (stack.pop_all(), found)

    def finish(self, subject: Subject, bench: Bench) -> None:
        """Removes the places, and what is not shared of the network."""
        if held := self._held.pop(subject, None):
            held[0].close()

    def site(self, subject: Subject) -> Site:
        """The network that was prepared."""
        return self._held[subject][1]
