"""One side of a diff, as the comparison sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from topology.diagnostics import Diagnostics, Path, Subject
from topology.diff.types import Place
from topology.model import Topology
from topology.resolve.types import ResolvedTopology

__all__ = ["View"]


@dataclass(frozen=True, slots=True)
class View:
    """A side: what it is called, what it declares, and what that resolves to where it is valid.

    Bodies of `resolved` resources are digests, so that a side whose content was not kept
    compares with one whose content is at hand. `locate` finds a path's position in the file.
    """

    label: str
    declared: Topology
    resolved: ResolvedTopology | None
    diagnostics: Diagnostics = field(default_factory=Diagnostics)
    locate: Callable[[Subject], Subject] | None = None

    def place(self, path: Path) -> Place | None:
        """Where a path stands in the side's file; what it leaves out, where that would stand."""
        if self.locate is None:
            return None
        position = self.locate(Subject(path, on_key=True)).position
        return Place(position.file, position.line) if position else None
