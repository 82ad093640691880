"""A stack to look into: what was applied, where it runs, and its rules by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from topology.diagnostics import did_you_mean
from topology.drift.applied import Applied, applied
from topology.inside.rules import Rules
from topology.probe.errors import ProbeError
from topology.probe.outputs import NodeOutput
from topology.probe.places import Surroundings
from topology.probe.where import Where
from topology.sides.read import stack_side

__all__ = ["Looked", "look_into"]


@dataclass(frozen=True, slots=True)
class Looked:
    """A stack, the libvirt it runs on, and that libvirt's namespaces."""

    applied: Applied
    where: Where
    surroundings: Surroundings
    rules: Rules | None

    def nodes(self, wanted: Sequence[str]) -> dict[str, NodeOutput]:
        """The nodes of these names, all if none is named; raises `ProbeError` for another name."""
        known = self.applied.outputs.nodes
        for name in wanted:
            if name not in known:
                raise ProbeError(
                    f"stack {self.applied.stack} has no node {name}",
                    hint=did_you_mean(name, known),
                )
        return {name: known[name] for name in wanted or known}


def look_into(stack: str, *, root: Path) -> Looked:
    """What `stack` of the Pulumi project at `root` is; raises `SideError` and `ProbeError`."""
    found = applied(stack, root=root)
    where = Where.of(found.outputs)
    view = stack_side(stack, found.record).view
    rules = None if view is None else Rules(view, found.record.file)
    return Looked(found, where, where.surroundings, rules)
