"""Runs the probes of a topology against a stack."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from ipaddress import ip_network

from topology.probe.errors import ProbeError
from topology.probe.identity import Console, domain_runs, open_libvirt
from topology.probe.outputs import StackOutputs
from topology.probe.places import Place, Surroundings, beside_name, outside_place
from topology.probe.plan import (
    CountersRose,
    DomainRuns,
    NoAnswer,
    NoEcho,
    OnlyOpen,
    PlaceId,
    Probe,
    plan_probes,
)
from topology.probe.results import Outcome, Report, Status
from topology.probe.tools import on_the_wire
from topology.resolve.types import ResolvedNode, ResolvedSegment, ResolvedTopology

__all__ = ["Progress", "beside_place", "run_probes"]

Progress = Callable[[Outcome, int, int], None]

_WORKERS = 8
_COUNTERS_DEADLINE = 5.0
"""Seconds within which a node must have written counters: it writes once a second at most."""


def run_probes(
    topology: ResolvedTopology,
    outputs: StackOutputs,
    *,
    stack: str,
    uri: str,
    surroundings: Surroundings,
    progress: Progress = lambda *_: None,
    probes: Sequence[Probe] | None = None,
) -> Report:
    """Every probe of `topology`, from where its statements start; places of ours are removed.

    `probes` are those to make instead of all. Raises `ProbeError` where nothing can be probed at
    all: no libvirt, no root, no bridge.
    """
    started = time.monotonic()
    probes = plan_probes(topology) if probes is None else probes
    with ExitStack() as exits:
        run = _Run(stack, topology, outputs, uri, surroundings, _consoles(outputs, surroundings))
        places = run.attach({p.place for p in probes if p.place is not None}, exits)
        before = run.counters()
        outcomes: list[Outcome] = []
        pool = exits.enter_context(ThreadPoolExecutor(_WORKERS))
        for wave in _waves(probes):
            for outcome in pool.map(lambda p: run.probe(p, places, before), wave):
                outcomes.append(outcome)
                progress(outcome, len(outcomes), len(probes))
    seconds = time.monotonic() - started
    outcomes.sort(key=lambda outcome: probes.index(outcome.probe))
    return Report(stack, outputs.variant, topology.name, tuple(outcomes), seconds)


def _waves(probes: Sequence[Probe]) -> Iterator[list[Probe]]:
    """What must answer, then what must be silent, then what was counted meanwhile.

    Port scans would crowd out a single packet whose answer is waited for, and an ICMP error
    is rate-limited at its source (RFC 1812 section 4.3.2.8).
    """
    loud = NoAnswer | NoEcho | OnlyOpen
    yield [p for p in probes if not isinstance(p.check, loud | CountersRose)]
    yield [p for p in probes if isinstance(p.check, loud)]
    yield [p for p in probes if isinstance(p.check, CountersRose)]


def _consoles(outputs: StackOutputs, surroundings: Surroundings) -> dict[str, Console]:
    return {name: Console(node.console, surroundings) for name, node in outputs.nodes.items()}


@dataclass(frozen=True, slots=True)
class _Run:
    stack: str
    topology: ResolvedTopology
    outputs: StackOutputs
    uri: str
    surroundings: Surroundings
    consoles: Mapping[str, Console]

    def attach(self, wanted: set[PlaceId], exits: ExitStack) -> dict[PlaceId, Place]:
        """Makes the places; those that stand for no external node go when `exits` closes."""
        places: dict[PlaceId, Place] = {}
        for place_id in sorted(wanted, key=str):
            if place_id.node is None:
                place = self._beside(place_id.segment)
                exits.callback(place.detach)
            else:
                place = self._outside(place_id)
            place.attach()
            places[place_id] = place
        return places

    def _outside(self, place_id: PlaceId) -> Place:
        for outside in self.outputs.outside:
            if (outside.node, outside.segment) == (place_id.node, place_id.segment):
                return outside_place(self.stack, outside, self.surroundings)
        raise ProbeError(
            f"stack {self.stack} knows no external node {place_id.node} on {place_id.segment}",
            hint=f"the file has changed since: pulumi up --stack {self.stack}",
        )

    def _beside(self, name: str) -> Place:
        return beside_place(self.stack, self.topology, self.outputs, name, self.surroundings)

    def probe(
        self,
        probe: Probe,
        places: Mapping[PlaceId, Place],
        before: Mapping[str, Mapping[str, int]],
    ) -> Outcome:
        """Makes one probe; what keeps it from being made becomes an outcome too."""
        started = time.monotonic()
        try:
            if isinstance(probe.check, DomainRuns):
                status, seen = self._domain(probe.check.node)
            elif isinstance(probe.check, CountersRose):
                status, seen = self._rose(probe.check, before)
            else:
                assert probe.place is not None
                status, seen = on_the_wire(places[probe.place], probe.check)
        except ProbeError as error:
            status, seen = Status.ERROR, error.message + (f" ({error.hint})" if error.hint else "")
        return Outcome(probe, status, seen, time.monotonic() - started)

    def _domain(self, name: str) -> tuple[Status, str]:
        if name not in self.outputs.nodes:
            return Status.BROKEN, f"stack {self.stack} has not deployed {name}"
        connection = open_libvirt(self.uri)
        try:
            node = self.outputs.nodes[name]
            return domain_runs(connection, node, self.outputs.variant, self.surroundings)
        finally:
            connection.close()

    def counters(self) -> dict[str, dict[str, int]]:
        """What each node has counted so far."""
        return {name: console.counters() for name, console in self.consoles.items()}

    def _rose(
        self, check: CountersRose, before: Mapping[str, Mapping[str, int]]
    ) -> tuple[Status, str]:
        """Whether the node's counters have risen since `before`, waiting for its next line."""
        console = self.consoles.get(check.node)
        if console is None:
            return Status.BROKEN, f"{check.node} is not deployed"
        earlier = sum(before[check.node].get(name, 0) for name in check.counters)
        deadline = time.monotonic() + _COUNTERS_DEADLINE
        while True:
            counted = console.counters()
            rise = sum(counted.get(name, 0) for name in check.counters) - earlier
            if rise >= check.least or time.monotonic() > deadline:
                break
            time.sleep(0.05)  # between looks at a file that the node appends to
        named = ", ".join(f"{n} {counted[n]}" for n in check.counters if counted.get(n))
        status = Status.SEEN if rise >= check.least else Status.BROKEN
        return status, f"rose by {rise} ({named or 'nothing counted'})"


def beside_place(
    stack: str,
    topology: ResolvedTopology,
    outputs: StackOutputs,
    segment: str,
    surroundings: Surroundings,
) -> Place:
    """A host of ours on a segment, with free addresses and its neighbours' routes; not attached.

    Raises `ProbeError` where the stack has no such segment.
    """
    if segment not in outputs.segments:
        raise ProbeError(
            f"stack {stack} has no segment {segment}",
            hint=f"the file has changed since: pulumi up --stack {stack}",
        )
    neighbours = [
        node
        for node in topology.nodes.values()
        if any(i.segment == segment for i in node.interfaces)
    ]
    return Place(
        name=beside_name(stack, segment),
        bridge=outputs.segments[segment].bridge,
        addresses=tuple(_free_addresses(topology.segments[segment], neighbours)),
        routes=tuple(dict.fromkeys(_routes(segment, neighbours))),
        surroundings=surroundings,
    )


def _free_addresses(segment: ResolvedSegment, neighbours: list[ResolvedNode]) -> Iterator[str]:
    taken = {address.ip for node in neighbours for i in node.interfaces for address in i.addresses}
    for prefix in segment.prefixes:
        # From the top, since people number from the bottom.
        top = int(prefix.broadcast_address) - 1
        for number in range(top, int(prefix.network_address), -1):
            address = prefix.network_address + (number - int(prefix.network_address))
            if address not in taken:
                yield f"{address}/{prefix.prefixlen}"
                break
        else:
            raise ProbeError(f"no free address in {prefix} for a probe")


def _routes(segment: str, neighbours: list[ResolvedNode]) -> Iterator[tuple[str, str]]:
    """The routes of the segment's own hosts; where it has none, a default by a forwarder."""
    found = False
    for node in neighbours:
        if node.kind.forwards:
            continue
        for route in node.routes:
            if route.interface == segment:
                found = True
                yield str(route.prefix), str(route.via)
    if found:
        return
    for node in neighbours:
        if node.kind.forwards:
            for address in node.interface(segment).addresses:
                default = "::/0" if address.version == 6 else "0.0.0.0/0"
                yield str(ip_network(default)), str(address.ip)
            return
