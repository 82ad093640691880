"""What the processor does for a node: idle, and for each request and packet at fixed rates."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from topology.bench.fleet.exits import guest_exits
from topology.bench.fleet.processes import busy, domain_processes, used_seconds
from topology.bench.load.bulk import load_packets
from topology.bench.load.rated import Service, at_rate
from topology.bench.load.site import Site
from topology.bench.measure.base import Bench, Chart, Figure, Section
from topology.bench.measure.on_site import OnSite
from topology.bench.record import Point, Sample, Subject

__all__ = ["CpuIdle", "CpuWork"]

_RATES: Mapping[str, int] = {"http": 1000, "dns": 5000, "packets": 10000}
"""Requests, queries and packets a second: what every subject carries with ease."""

_PATH = "through"

_QUIET = 0.5
"""Seconds before the load in which it is seen what the machine does by itself."""

_BUSY = 0.15
"""Part of the machine that others may use; beyond it the whole machine's time says nothing."""


class CpuIdle(OnSite):
    """What nodes use that nobody asks anything."""

    figure: ClassVar = Figure(
        "cpu-idle", "Processor time of an idle node", "ms/s", "lower", chart=Chart.NONE
    )
    section: ClassVar = Section.CPU
    subjects: ClassVar = (Subject.UNIKERNEL, Subject.CONTAINERS, Subject.SHARED)
    method: ClassVar = (
        "What all threads of the four nodes' processes have run (/proc/PID/task/*/schedstat, "
        "nanoseconds) in some seconds without traffic, shared out over the nodes: QEMU with its "
        "virtual processor, or the LXC controller and init. Libvirt's daemon and the kernel's own "
        "threads are not in it."
    )
    warmup: ClassVar = 0

    def points(self, quick: bool) -> tuple[Point, ...]:
        """One."""
        return ({"work": "idle"},)

    def cost(self, subject: Subject, point: Point, quick: bool) -> float:
        """The time that is looked at."""
        return 2.0 if quick else 3.0

    def measure(
        self, subject: Subject, point: Point, repeat: int, bench: Bench
    ) -> Iterator[Sample]:
        """Looks twice."""
        nodes = _processes(self.site(subject))
        before, began = _used(nodes), time.monotonic()
        time.sleep(self.cost(subject, point, bench.quick))
        seconds = time.monotonic() - began
        after = _used(nodes)
        spent = {node: (after[node] - before[node]) * 1000 / seconds for node in nodes}
        detail = {f"{node}_ms": value for node, value in spent.items()}
        yield self.sample(subject, point, repeat, sum(spent.values()) / len(spent), detail=detail)


class CpuWork(OnSite):
    """What a request, a query and a packet cost."""

    figure: ClassVar = Figure(
        "cpu",
        "Processor time for each, whole machine, loader included",
        "µs",
        "lower",
        headline=True,
        at={"work": "http"},
        series="work",
    )
    node: ClassVar = Figure(
        "cpu-node",
        "Processor time for each, in a node's own processes",
        "µs",
        "lower",
        series="node",
    )
    exits: ClassVar = Figure(
        "cpu-exits", "Exits of a node's guest to the host for each", "exits", "lower", series="node"
    )
    also = (node, exits)
    section: ClassVar = Section.CPU
    method: ClassVar = (
        f"Through firewall and router, {_RATES['http']} pages, {_RATES['dns']} queries and "
        f"{_RATES['packets']} frames of 64 bytes are sent a second, by the tools of the load "
        "figures. The whole machine: what /proc/stat counts as user, system, and interrupts soft "
        "and hard, on all cores, less what it counted in half a second before, divided by what "
        "was answered. The loader sleeps between requests here, where for latencies it would look "
        "at the clock without end; what it still takes is in it, the same for every subject, "
        "since the kernel forwards in the sender's own time and nothing could tell the two apart: "
        "differences between subjects are theirs, ratios are too small. The nodes' own processes: "
        "the time their threads ran, which of a kernel that forwards for its containers shows "
        "nothing. Exits: how often a guest's processor was left for the host meanwhile, by KVM's "
        "own count; containers have none."
    )
    tools: ClassVar[tuple[str, ...]] = ("dnsperf", "iperf3", "nginx", "nsd", "nft", "pace")
    needs_sink = True

    def points(self, quick: bool) -> tuple[Point, ...]:
        """Each kind of work."""
        return tuple({"work": work, "rate": rate} for work, rate in _RATES.items())

    def cost(self, subject: Subject, point: Point, quick: bool) -> float:
        """The load, and the look before it."""
        return super().cost(subject, point, quick) + _QUIET

    def measure(
        self, subject: Subject, point: Point, repeat: int, bench: Bench
    ) -> Iterator[Sample]:
        """Loads once."""
        here = self.site(subject)
        here.settle(_PATH)
        nodes = _processes(here)
        seconds = self.lasting(bench.quick)
        work = _work(here, str(point["work"]), seconds, bench.scratch)
        quiet = _rate(lambda: time.sleep(_QUIET))
        left = _exits(here, bench)
        before, used = busy(), _used(nodes)
        began = time.monotonic()
        count = work()
        took = time.monotonic() - began
        spent, after = busy() - before, _used(nodes)
        exits = _exits(here, bench)
        each = (spent.total - quiet * took) / count * 1e6
        detail = {
            "count": count,
            "user_s": spent.user,
            "system_s": spent.system,
            "interrupts_s": spent.interrupts,
            "quiet_s": quiet * took,
        }
        if quiet > _BUSY * (os.cpu_count() or 1):
            bench.note(
                "the machine was busy with other things, so that what it did for a request could "
                "not be told: only the nodes' own processes are given",
                self.name,
                str(subject),
            )
        else:
            yield self.sample(subject, point, repeat, each, detail=detail)
        for node, total in after.items():
            where = {**point, "node": node}
            own = (total - used[node]) / count * 1e6
            yield self.sample(subject, where, repeat, own, figure=self.node)
        for node in exits.keys() & left.keys():
            where = {**point, "node": node}
            yield self.sample(
                subject, where, repeat, (exits[node] - left[node]) / count, figure=self.exits
            )


def _work(here: Site, work: str, seconds: int, scratch: Path) -> Callable[[], float]:
    """What does the work once and returns how much of it was done."""
    rate = _RATES[work]
    if work == "packets":
        client, sink = here.place(_PATH), here.sink()
        at = here.settle(_PATH)

        def packets() -> float:
            cpus = (at.load, at.serve)
            load = load_packets(client, sink, seconds=seconds, cpus=cpus, rate=rate)
            return load.received * seconds

        return packets

    def requests() -> float:
        service: Service = "dns" if work == "dns" else "http"
        found = at_rate(here, service, _PATH, rate, seconds=seconds, scratch=scratch, sleeps=True)
        return found.achieved * seconds

    return requests


def _rate(wait: Callable[[], None]) -> float:
    """Seconds a second that the machine is busy meanwhile."""
    before, began = busy(), time.monotonic()
    wait()
    return (busy() - before).total / (time.monotonic() - began)


def _processes(here: Site) -> Mapping[str, tuple[int, ...]]:
    """The processes of each node that has a domain, by their numbers on this host."""
    domains = {told.domain: node for node, told in here.outputs.nodes.items() if told.domain}
    return {domains[name]: pids for name, pids in domain_processes(domains).items()}


def _exits(here: Site, bench: Bench) -> Mapping[str, int]:
    """Exits of each node's guest so far; none where nodes are no guests."""
    if here.subject is not Subject.UNIKERNEL:
        return {}
    domains = {told.domain: node for node, told in here.outputs.nodes.items()}
    return {domains[name]: count for name, count in guest_exits(bench.uri, domains).items()}


def _used(nodes: Mapping[str, tuple[int, ...]]) -> dict[str, float]:
    return {node: used_seconds(processes) for node, processes in nodes.items()}
