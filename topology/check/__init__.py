"""Checks: assertions on a topology that yield diagnostics, one a file.

A new check is its file and a line in one of the tuples: of what is declared, where its subjects
have positions and resolution relies on it, or of what that resolves to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias, TypeVar

from topology.diagnostics import Diagnostic, Diagnostics
from topology.model import Topology
from topology.resolve.types import ResolvedTopology

__all__ = ["DECLARED_CHECKS", "RESOLVED_CHECKS", "run_checks"]

_T = TypeVar("_T")
_Check: TypeAlias = Callable[[_T], Iterable[Diagnostic]]

DECLARED_CHECKS: tuple[_Check[Topology], ...] = ()

RESOLVED_CHECKS: tuple[_Check[ResolvedTopology], ...] = ()


def run_checks(checks: Iterable[_Check[_T]], subject: _T) -> Diagnostics:
    """What all the checks say, at once."""
    return Diagnostics(diagnostic for check in checks for diagnostic in check(subject))
