"""The stages from a file to a resolved topology, in order; errors close the gate between them."""

from __future__ import annotations

from pathlib import Path

from topology.check import DECLARED_CHECKS, RESOLVED_CHECKS, run_checks
from topology.diagnostics import Diagnostics
from topology.errors import InvalidTopologyError
from topology.load import load_file
from topology.model import Topology
from topology.resolve import resolve
from topology.resolve.types import ResolvedTopology

__all__ = ["require_file", "resolve_file", "resolve_topology"]


def resolve_file(path: Path | str) -> tuple[ResolvedTopology | None, Diagnostics]:
    """Reads, checks and resolves a topology file; the topology is `None` when there are errors."""
    loaded = load_file(path)
    if loaded.topology is None:
        return None, loaded.diagnostics
    resolved, diagnostics = resolve_topology(loaded.topology, Path(path).parent)
    return resolved, loaded.locate(diagnostics)


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
