"""The exceptions of the engine, one tree; a user's mistakes are diagnostics instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from topology.diagnostics import Diagnostics

__all__ = ["InvalidTopologyError", "TopologyError"]


class TopologyError(Exception):
    """An operation of the engine broke; its text says what and what to do."""


class InvalidTopologyError(TopologyError):
    """A valid topology was needed and this is none; `diagnostics` says why."""

    def __init__(self, diagnostics: Diagnostics) -> None:
        super().__init__("\n".join(map(str, diagnostics)))
        self.diagnostics = diagnostics
