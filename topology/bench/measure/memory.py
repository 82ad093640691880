"""What a node takes of memory: idle, loaded, and the least with which it still serves."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

from topology.bench.errors import BenchError
from topology.bench.fleet.fleet import Fleet, fleet
from topology.bench.fleet.memory import group_bytes, resident
from topology.bench.fleet.processes import domain_processes
from topology.bench.measure.base import Bench, Chart, Figure, Measure, Section
from topology.bench.record import Point, Sample, Subject

__all__ = ["LeastMemory", "NodeMemory"]

_MIB = 1 << 20
_LOAD_SECONDS = 3.0
_CONNECTIONS = 100


class NodeMemory(Measure):
    """The nodes of the proof of concept, as deployed."""

    figure: ClassVar = Figure(
        "memory",
        "Memory of a node: proportional set of its processes",
        "MiB",
        "lower",
        headline=True,
        at={"state": "idle", "node": "web"},
        series="node",
    )
    rss = Figure("memory-rss", "Resident set of its processes", "MiB", "lower", series="node")
    group = Figure("memory-group", "Charged to its control group", "MiB", "lower", series="node")
    given = Figure("memory-given", "Memory that it is given", "MiB", "lower", chart=Chart.NONE)
    also = (rss, group, given)
    section = Section.MEMORY
    subjects = (Subject.UNIKERNEL, Subject.CONTAINERS, Subject.SHARED)
    method = (
        "The sums of /proc/PID/smaps_rollup over the processes that are there for a node: QEMU, or "
        "the LXC controller and the container's init. The proportional set divides a shared page "
        "by those who share it, the resident set does not; the control group, which QEMU has none "
        "of, also holds the kernel's memory and the page cache that the node was the first to "
        "read. Loaded: while wrk asks for the page over 100 connections through firewall and "
        "router, so that three of the four nodes work. libvirtd itself, one for all nodes, is not "
        "counted."
    )
    tools = ("wrk",)
    warmup = 0

    def points(self, quick: bool) -> tuple[Point, ...]:
        """Idle before loaded: a node keeps what it once used."""
        return ({"state": "idle"}, {"state": "loaded"})

    def cost(self, subject: Subject, point: Point, quick: bool) -> float:
        """A look at all processes, and the load's time."""
        return 0.02 if point["state"] == "idle" else _LOAD_SECONDS + 0.2

    def setup_cost(self, subject: Subject, quick: bool) -> float:
        """A deployment, where no other measure has made it."""
        return 8.5

    def measure(
        self, subject: Subject, point: Point, repeat: int, bench: Bench
    ) -> Iterator[Sample]:
        """Looks at each node."""
        stack = bench.stack(subject)
        if point["state"] == "idle":
            yield from self._look(subject, point, repeat, bench)
            return
        address = next(a for a in stack.outputs().nodes["web"].addresses if ":" not in a)
        command = ["wrk", "--threads", "1", "--connections", str(_CONNECTIONS), "--duration"]
        command += [f"{_LOAD_SECONDS:g}s", f"http://{address.partition('/')[0]}/"]
        with subprocess.Popen(
            stack.client().command(command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as load:
            time.sleep(_LOAD_SECONDS * 0.7)  # well into the load
            found = list(self._look(subject, point, repeat, bench))
            said = load.communicate(timeout=30)[0].decode(errors="replace")
        if load.returncode != 0 or "requests in" not in said:
            raise BenchError(f"wrk: {said.strip()}")
        yield from found

    def _look(self, subject: Subject, point: Point, repeat: int, bench: Bench) -> Iterator[Sample]:
        nodes = bench.stack(subject).outputs().nodes
        processes = domain_processes(told.domain for told in nodes.values())
        for name, told in sorted(nodes.items()):
            here = processes.get(told.domain)
            if not here:
                raise BenchError(f"{name} does not run")
            held, where = resident(here), {**point, "node": name}
            detail = {"private_mib": held.private / _MIB}
            yield self.sample(subject, where, repeat, held.pss / _MIB, detail=detail)
            yield self.sample(subject, where, repeat, held.rss / _MIB, figure=self.rss)
            # The container's own group, which its controller is in, too. The lab's libvirt gives
            # QEMU none that counts memory: it would be that of all.
            charged = None if subject is Subject.UNIKERNEL else group_bytes(here[-1])
            if charged is not None:
                yield self.sample(subject, where, repeat, charged / _MIB, figure=self.group)
            given = _given(bench, subject, told.domain)
            yield self.sample(subject, where, repeat, given, figure=self.given)


class LeastMemory(Measure):
    """The least that a node can be given."""

    figure: ClassVar = Figure(
        "least-memory", "Least memory with which it serves", "MiB", "lower", chart=Chart.NONE
    )
    section = Section.MEMORY
    subjects = (Subject.UNIKERNEL, Subject.CONTAINERS)
    method = (
        "A web server is started with ever other memory, whole MiB, by bisection between 1 and its "
        "default; one that gives the right page within 3 s serves. A guest's memory is all it has; "
        "a container's is a limit on its control group, beside the kernel's own. It is the least "
        "to answer one client, not to bear a load."
    )
    tools = ("ip",)
    warmup = 0

    def points(self, quick: bool) -> tuple[Point, ...]:
        """One."""
        return ({"node": "web"},)

    def repeats(self, quick: bool) -> int:
        """It is the same each time."""
        return 1

    def cost(self, subject: Subject, point: Point, quick: bool) -> float:
        """Four starts, some of which fail after their deadline."""
        return 6.5 if subject is Subject.UNIKERNEL else 2.5

    def measure(
        self, subject: Subject, point: Point, repeat: int, bench: Bench
    ) -> Iterator[Sample]:
        """Bisects."""
        with fleet(bench, subject, 1) as chosen:
            high = chosen.instances[0].domain.memory
            low = 0
            while high - low > 1:
                middle = (low + high) // 2
                if _serves(chosen, middle):
                    high = middle
                else:
                    low = middle
        yield self.sample(subject, point, repeat, high)


def _serves(chosen: Fleet, mebibytes: int) -> bool:
    instance = chosen.instances[0]
    tight = replace(instance, domain=replace(instance.domain, memory=mebibytes))
    try:
        chosen.start(tight, patience=3.0)
    except BenchError:
        return False
    finally:
        chosen.stop(tight)
    return True


def _given(bench: Bench, subject: Subject, domain: str) -> float:
    """MiB that libvirt gives a domain."""
    from topology.probe.identity import open_libvirt

    connection = open_libvirt(bench.stack(subject).uri)
    try:
        return float(connection.lookupByName(domain).maxMemory()) / 1024
    finally:
        connection.close()
