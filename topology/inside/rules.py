"""Rules by the names that nodes report them with: which line of the topology's file each is."""

from __future__ import annotations

from dataclasses import dataclass

from topology.diagnostics import Path, Position, Subject
from topology.diff.view import View
from topology.render.nftables import REVERSE_PATH
from topology.resolve.types import ResolvedNode, ResolvedPolicy, ResolvedTopology

__all__ = ["Rules"]

_STATES = ("established", "related", "invalid", "full")
"""What a stateful policy decides before its rules, by the names of its counters."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of a topology as it was applied; `file` is what to call the file."""

    view: View
    file: str

    @property
    def resolved(self) -> ResolvedTopology | None:
        """The topology, `None` where it cannot be resolved."""
        return self.view.resolved

    def path(self, node: str, rule: str) -> Path | None:
        """Where a node's rule, `default` included, stands in the topology.

        What drops forged sources stands with the node itself where the file leaves it out.
        """
        if rule == REVERSE_PATH:
            return ("nodes", node, REVERSE_PATH)
        policy = self._policy(node)
        if policy is None:
            return None
        base: Path = ("policies", policy.name)
        if rule == "default":
            return (*base, "default")
        if rule in _STATES:
            return (*base, "stateful")
        for index, one in enumerate(policy.rules):
            if one.name == rule:
                return (*base, "rules", index)
        return None

    def place(self, node: str, rule: str) -> str:
        """`FILE:LINE` of a rule; empty where it is not known."""
        path = self.path(node, rule)
        return "" if path is None else self.at(path)

    def at(self, path: Path) -> str:
        """`FILE:LINE` of what stands at a path; empty where it is not known."""
        if self.view.locate is None:
            return ""
        position: Position | None = self.view.locate(Subject(path, on_key=True)).position
        return f"{self.file}:{position.line}" if position is not None and position.line else ""

    def _policy(self, node: str) -> ResolvedPolicy | None:
        found: ResolvedNode | None = self.resolved.nodes.get(node) if self.resolved else None
        return None if found is None else found.policy
