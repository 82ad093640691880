"""Checks: assertions on a topology that yield diagnostics, one a file.

A new check is its file and a line in one of the tuples: of what is declared, where its subjects
have positions and resolution relies on it, or of what that resolves to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias, TypeVar

from topology.check.addresses import addresses
from topology.check.ambiguous_names import ambiguous_names
from topology.check.asymmetric_paths import asymmetric_paths
from topology.check.attachments import attachments
from topology.check.contradictions import contradictions
from topology.check.macs import macs
from topology.check.management import management
from topology.check.policies import policies
from topology.check.prefixes import prefixes
from topology.check.reach_routes import reach_routes
from topology.check.records import records
from topology.check.route_loops import route_loops
from topology.check.routes import routes
from topology.check.services import services
from topology.check.shadowed_rules import shadowed_rules
from topology.check.single_points import single_points
from topology.check.statements import statements
from topology.check.unreachable import unreachable
from topology.diagnostics import Diagnostic, Diagnostics
from topology.model import Topology
from topology.resolve.types import ResolvedTopology

__all__ = ["DECLARED_CHECKS", "REMARKS", "RESOLVED_CHECKS", "run_checks"]

_T = TypeVar("_T")
_Check: TypeAlias = Callable[[_T], Iterable[Diagnostic]]

DECLARED_CHECKS: tuple[_Check[Topology], ...] = (
    ambiguous_names,
    attachments,
    prefixes,
    addresses,
    macs,
    routes,
    records,
    policies,
    services,
    management,
    statements,
)

RESOLVED_CHECKS: tuple[_Check[ResolvedTopology], ...] = (
    unreachable,
    route_loops,
    reach_routes,
    asymmetric_paths,
    shadowed_rules,
    contradictions,
)

REMARKS: tuple[_Check[ResolvedTopology], ...] = (single_points,)
"""What is told when it is asked for: true of many a good topology."""


def run_checks(checks: Iterable[_Check[_T]], subject: _T) -> Diagnostics:
    """What all the checks say, at once."""
    return Diagnostics(diagnostic for check in checks for diagnostic in check(subject))
