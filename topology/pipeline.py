"""The stages from a file to a resolved topology, in order; errors close the gate between them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from topology.check import DECLARED_CHECKS, RESOLVED_CHECKS, run_checks
from topology.diagnostics import Diagnostics, Position, Severity, Subject
from topology.diagnostics import Path as ModelPath
from topology.errors import InvalidTopologyError
from topology.load import Loaded, load_file
from topology.model import Topology
from topology.resolve import resolve
from topology.resolve.types import ResolvedTopology

__all__ = ["Read", "prove_file", "read_file", "require_file", "resolve_file", "resolve_topology"]


@dataclass(frozen=True, slots=True)
class Read:
    """What became of a file: its topology as declared and resolved, and everything said of it.

    `resolved` is `None` when there are errors.
    """

    loaded: Loaded
    resolved: ResolvedTopology | None
    diagnostics: Diagnostics

    def locate(self, path: ModelPath) -> Position | None:
        """Where the file says what stands at a path; `None` without a file."""
        if self.loaded.source is None:
            return None
        return self.loaded.source.locate(Subject(path, on_key=True)).position


def read_file(path: Path | str) -> Read:
    """Reads, checks and resolves a topology file."""
    loaded = load_file(path)
    if loaded.topology is None:
        return Read(loaded, None, loaded.diagnostics)
    resolved, diagnostics = resolve_topology(loaded.topology, Path(path).parent)
    return Read(loaded, resolved, loaded.locate(diagnostics))


def resolve_file(path: Path | str) -> tuple[ResolvedTopology | None, Diagnostics]:
    """Reads, checks and resolves a topology file; the topology is `None` when there are errors."""
    read = read_file(path)
    return read.resolved, read.diagnostics


def prove_file(
    path: Path | str, severity: Severity = Severity.ERROR
) -> tuple[ResolvedTopology | None, Diagnostics]:
    """Like `resolve_file`, and a diagnostic for every statement that does not hold."""
    from topology.reach.findings import findings
    from topology.reach.network import Network
    from topology.reach.statements import prove

    read = read_file(path)
    if read.resolved is None:
        return None, read.diagnostics
    # What it lets through, for all packets: the last question before anything is made of it.
    broken = findings(
        prove(Network(read.resolved)),
        read.resolved,
        declared=read.loaded.topology,
        locate=read.locate,
        severity=severity,
    )
    diagnostics = read.diagnostics + read.loaded.locate(broken)
    return (read.resolved if diagnostics.ok else None), diagnostics


def resolve_topology(
    topology: Topology, base: Path | str = "."
) -> tuple[ResolvedTopology | None, Diagnostics]:
    """Checks and resolves a topology made in code; content is relative to `base`."""
    # What is declared fits together, so that every name and address below has a meaning.
    diagnostics = run_checks(DECLARED_CHECKS, topology)
    if not diagnostics.ok:
        return None, diagnostics
    # Everything left out is derived, every name becomes what it stands for.
    resolved, mistakes = resolve(topology, Path(base))
    diagnostics += mistakes
    if resolved is None:
        return None, diagnostics
    # What it amounts to: paths, loops, zones; seen only once addresses and routes are known.
    diagnostics += run_checks(RESOLVED_CHECKS, resolved)
    return (resolved if diagnostics.ok else None), diagnostics


def require_file(path: Path | str) -> ResolvedTopology:
    """The resolved topology of a file; raises `InvalidTopologyError` when it has errors."""
    resolved, diagnostics = resolve_file(path)
    if resolved is None:
        raise InvalidTopologyError(diagnostics)
    return resolved
