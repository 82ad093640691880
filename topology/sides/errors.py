"""Sides that cannot be read: what is wrong with each, and what to type."""

from __future__ import annotations

from enum import StrEnum

from topology.errors import TopologyError

__all__ = ["Fault", "SideError"]


class Fault(StrEnum):
    """Why a side cannot be read; commands give each an exit code of its own."""

    NOT_DEPLOYED = "not deployed"
    NO_PATH = "no path"
    NO_REVISION = "no revision"
    NO_TOOL = "no tool"
    OLD_FORMAT = "old format"
    SHALLOW = "shallow"


class SideError(TopologyError):
    """A side cannot be read; the text ends with what to do."""

    def __init__(self, fault: Fault, message: str, hint: str = "") -> None:
        super().__init__(f"{message}\nHint: {hint}" if hint else message)
        self.fault = fault
