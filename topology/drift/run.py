"""Compares what runs with what was applied, and that with the file."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from topology.drift.applied import Applied, applied
from topology.drift.domains import domain_drifts, foreign_drifts, volume_drifts
from topology.drift.file import file_drifts, planned_today
from topology.drift.found import Found, FoundContainer
from topology.drift.look import domains_of, networks_of, volumes_of
from topology.drift.mend import Mend
from topology.drift.networks import bridge_drifts, container_drifts, forwards_itself, network_drifts
from topology.drift.types import Code, Drift, Report, Restarted, Skipped, Thing
from topology.drift.wire import container_of, links_of, listed
from topology.pipeline import read_file
from topology.probe.errors import ProbeError
from topology.probe.identity import Console
from topology.probe.places import Surroundings
from topology.probe.results import Status
from topology.probe.run import run_probes
from topology.probe.where import Where
from topology.render.nftables import drops, nftables
from topology.resolve.types import ResolvedTopology

__all__ = ["Choices", "compare", "find_drift"]


@dataclass(frozen=True, slots=True)
class Choices:
    """What is compared: `wire` are bridges and the insides of containers, `probe` statements."""

    wire: bool = True
    probe: bool = False


def find_drift(stack: str, *, root: Path, choices: Choices | None = None) -> Report:
    """Every drift of a stack of the Pulumi project at `root`; nothing is changed by looking.

    Raises `SideError` where nothing is deployed, `ProbeError` where libvirt does not answer.
    """
    return compare(applied(stack, root=root), root=root, choices=choices)


def compare(was: Applied, *, root: Path, choices: Choices | None = None) -> Report:
    """`find_drift` against what is known to have been applied."""
    started = time.monotonic()
    run = _Run(was, root, choices or Choices())
    drifts = tuple(run.drifts())
    told, skipped, restarted = was.outputs, tuple(run.skipped), tuple(run.restarted)
    seconds = time.monotonic() - started
    return Report(was.stack, told.variant, told.topology, drifts, skipped, seconds, restarted)


@dataclass(slots=True)
class _Run:
    applied: Applied
    root: Path
    choices: Choices
    skipped: list[Skipped] = field(default_factory=list)
    restarted: list[Restarted] = field(default_factory=list)

    def drifts(self) -> Iterator[Drift]:
        """All of them, from the libvirt to the file."""
        where = Where.of(self.applied.outputs)
        inside = self._surroundings(where)
        mend = Mend(self.applied.stack, where.qemu, where.uri, inside or Surroundings(None))
        found = self._found(where, inside)
        # What others stand on first: mended in this order, each mend finds what it needs.
        yield from network_drifts(self.applied, found, mend)
        if found.links is not None:
            yield from bridge_drifts(self.applied, found, found.links, mend)
        yield from domain_drifts(self.applied, found, mend)
        yield from foreign_drifts(self.applied, found, mend)
        yield from volume_drifts(self.applied, found.volumes or {}, mend)
        yield from container_drifts(self.applied, found, mend)
        yield from self._file(mend, where)
        if inside is not None:
            self._look_for_restarts(inside)

    def _look_for_restarts(self, inside: Surroundings) -> None:
        for node, told in self.applied.outputs.nodes.items():
            try:
                starts = Console(told.console, inside).starts()
            except ProbeError as error:
                self.skipped.append(Skipped(f"the starts of {node}", error.message))
                continue
            if starts.count > 1:
                self.restarted.append(Restarted(node, starts.count, starts.why))

    def _surroundings(self, where: Where) -> Surroundings | None:
        """Where the bridges are; `None` where they are not to be looked at, or cannot be."""
        if not self.choices.wire:
            return None
        try:
            surroundings = where.surroundings
        except ProbeError as error:
            self.skipped.append(Skipped("bridges and containers", error.message))
            return None
        if os.geteuid() != 0:
            why = "this needs root; --no-wire compares the rest alone"
            self.skipped.append(Skipped("bridges and containers", why))
            return None
        return surroundings

    def _found(self, where: Where, inside: Surroundings | None) -> Found:
        # The other driver's domains may be on our segments, too.
        others = domains_of(where.qemu) if where.uri != where.qemu else {}
        domains = others | domains_of(where.uri)
        volumes: dict[str, str | None] = {}
        try:
            volumes = volumes_of(where.qemu, self.applied.volumes)
        except ProbeError as error:
            self.skipped.append(Skipped("images and configurations", error.message))
            volumes = {one.path: one.digest for one in self.applied.volumes}
        networks = networks_of(where.qemu)
        if inside is None:
            return Found(domains, networks, volumes)
        found = Found(domains, networks, volumes, links_of(inside))
        if self.applied.outputs.variant != "containers":
            return found
        return self._containers(found, inside)

    def _containers(self, found: Found, inside: Surroundings) -> Found:
        nodes = {} if self.applied.resolved is None else self.applied.resolved.nodes
        containers: dict[str, FoundContainer] = {}
        expected: dict[str, str] = {}
        for domain in self.applied.domains:
            there, node = found.domains.get(domain.name), nodes.get(domain.node)
            if there is None or there.live is None or node is None or forwards_itself(node):
                continue
            try:
                containers[domain.node] = container_of(there.number, inside)
            except ProbeError as error:
                self.skipped.append(Skipped(f"the inside of {domain.node}", error.message))
                continue
            if drops(node):
                expected[domain.node] = listed(nftables(node), inside)
        return Found(
            found.domains, found.networks, found.volumes, found.links, containers, expected
        )

    def _file(self, mend: Mend, where: Where) -> Iterator[Drift]:
        path = self.root / self.applied.outputs.file
        read = read_file(path)
        if read.resolved is None:
            why = f"it has mistakes: topology validate {self.applied.outputs.file}"
            self.skipped.append(Skipped(f"the file {self.applied.outputs.file}", why))
            return
        today = planned_today(self.applied, read.resolved, root=self.root)
        edits = tuple(file_drifts(self.applied, today, mend))
        yield from edits
        if self.choices.probe and edits:
            why = "the file was edited since: its statements are of what is not applied yet"
            self.skipped.append(Skipped("statements", why))
        elif self.choices.probe:
            yield from self._probes(read.resolved, where)

    def _probes(self, topology: ResolvedTopology, where: Where) -> Iterator[Drift]:
        report = run_probes(
            topology,
            self.applied.outputs,
            stack=self.applied.stack,
            uri=where.uri,
            surroundings=where.surroundings,
        )
        seen = set()
        for outcome in report.outcomes:
            name = outcome.probe.statement
            if outcome.status is Status.ERROR:
                self.skipped.append(Skipped(f"the statement {name}", outcome.seen))
            elif outcome.status is Status.BROKEN and name not in seen:
                seen.add(name)
                again = f"topology probe --stack {self.applied.stack} --every"
                yield Drift(
                    Code.STATEMENT_BROKEN, Thing.STATEMENT, name, "holds", outcome.seen, again
                )
