"""What rules cost: the same load through a firewall of ten to five thousand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import ClassVar

from topology.bench.load.http import load_http
from topology.bench.load.site import Site, site
from topology.bench.measure.base import Bench, Chart, Figure
from topology.bench.measure.http import detail_of
from topology.bench.measure.on_site import CONDITIONS, OnSite
from topology.bench.record import Point, Sample, Subject
from topology.bench.topologies import RULES_MEMORY
from topology.errors import TopologyError

__all__ = ["Rules"]


class Rules(OnSite):
    """Connections a second through many rules."""

    figure: ClassVar = Figure(
        "rules",
        "New TCP connections through a firewall of many rules",
        "1/s",
        "higher",
        chart=Chart.LINE,
        x="rules",
        logarithmic=True,
    )
    method: ClassVar = (
        "New connections as above, through firewalls of 10, 1,000 and 5,000 rules. The added "
        "rules stand first, deny ports of two hosts to prefixes that nobody sends from, and never "
        "match: each first packet of a connection passes all of them, its others pass none. The "
        "stock firewall has them as a list, one after the other, as people write them; the kernel "
        "of containers has the same rules as a tree of verdict maps. Every firewall has "
        f"{RULES_MEMORY} MiB here, since a container needs that for 5,000 rules. {CONDITIONS}"
    )
    tools: ClassVar[tuple[str, ...]] = ("wrk", "nginx", "nsd", "nft")
    counts: ClassVar = (10, 5000, 1000)

    def __init__(self) -> None:
        super().__init__()
        self._up: dict[tuple[Subject, int], Site] = {}
        self._open: dict[Subject, ExitStack] = {}
        self._down: dict[tuple[Subject, int], TopologyError] = {}

    def points(self, quick: bool) -> tuple[Point, ...]:
        """The ends first."""
        return tuple({"rules": n} for n in self.counts[: 2 if quick else None])

    def setup_cost(self, subject: Subject, quick: bool) -> float:
        """A network for each point."""
        return len(self.points(quick)) * (1.0 if subject is Subject.STOCK else 16.0)

    def prepare(self, subject: Subject, bench: Bench) -> None:
        """Brings up a network for each number of rules, side by side."""
        with ExitStack() as stack:
            for point in self.points(bench.quick):
                rules = int(point["rules"])
                try:
                    self._up[subject, rules] = stack.enter_context(
                        site(subject, bench, rules=rules)
                    )
                except TopologyError as error:
                    # Its figure is missing then, and no other's.
                    self._down[subject, rules] = error
            self._open[subject] = stack.pop_all()

    def finish(self, subject: Subject, bench: Bench) -> None:
        """Removes their places."""
        if held := self._open.pop(subject, None):
            held.close()

    def measure(
        self, subject: Subject, point: Point, repeat: int, bench: Bench
    ) -> Iterator[Sample]:
        """Loads the one with that many rules."""
        rules = int(point["rules"])
        if error := self._down.get((subject, rules)):
            raise error
        here = self._up[subject, rules]
        load = load_http(
            here.place("through"),
            here.page(),
            connections=32,
            seconds=self.lasting(bench.quick),
            cpus=here.settle("through").load,
            closing=True,
        )
        yield self.sample(subject, point, repeat, load.rate, detail=detail_of(load))
