"""Services are used."""

from __future__ import annotations

from collections.abc import Iterator

from topology.check.finding import warning
from topology.diagnostics import Code, Diagnostic
from topology.model import Isolate, Reach, Topology

__all__ = ["services"]


def services(topology: Topology) -> Iterator[Diagnostic]:
    """Services that no rule and no statement names."""
    used = {s for policy in topology.policies.values() for r in policy.rules for s in r.services}
    for statement in topology.statements.values():
        if isinstance(statement, Reach):
            used.update(statement.reach)
        elif isinstance(statement, Isolate):
            used.update(statement.isolate)
    for service in topology.services:
        if service not in used:
            yield warning(
                Code.UNUSED_NAME,
                f"nothing uses the service {service}",
                ("services", service),
                on_key=True,
                hint="remove it",
            )
