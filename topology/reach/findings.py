"""Broken statements as diagnostics, for whoever deploys."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from topology.diagnostics import Code, Diagnostic, Path, Position, Severity, Subject, display_path
from topology.model import Topology
from topology.reach.story import deciding
from topology.reach.trace import Trace
from topology.reach.verdict import Proof, Verdict
from topology.resolve.types import ResolvedTopology

__all__ = ["Locate", "findings", "way"]

Locate = Callable[[Path], Position | None]
"""Where a path of the topology stands in its file."""


def findings(
    proof: Proof,
    topology: ResolvedTopology,
    *,
    declared: Topology | None = None,
    locate: Locate = lambda _path: None,
    severity: Severity = Severity.ERROR,
) -> Iterator[Diagnostic]:
    """A diagnostic for every statement that does not hold: packet, way, and what decided."""
    for verdict in proof.broken:
        yield _finding(verdict, topology, declared, locate, severity)


def way(trace: Trace, topology: ResolvedTopology, declared: Topology | None, locate: Locate) -> str:
    """A packet and its way in one line, with the place of what decided."""
    text = f"{trace.packet}: {' → '.join(trace.nodes)}"
    told = deciding(trace, topology, declared)
    if told is None:
        return text
    position = locate(told.path) if told.path else None
    place = str(position) if position is not None else display_path(told.path)
    return f"{text}; {told.node}: {told.text}" + (f" ({place})" if place else "")


def _finding(
    verdict: Verdict,
    topology: ResolvedTopology,
    declared: Topology | None,
    locate: Locate,
    severity: Severity,
) -> Diagnostic:
    name = verdict.statement.name
    assert verdict.broken is not None
    walked = verdict.broken.trace
    return Diagnostic(
        Code.STATEMENT_BROKEN,
        f"{name} does not hold: {verdict.summary}",
        Subject(("statements", name), on_key=True),
        detail="" if walked is None else way(walked, topology, declared, locate),
        hint="topology prove shows the packet's way, line by line",
        severity=severity,
    )
