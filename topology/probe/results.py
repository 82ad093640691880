"""What probes saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from topology.probe.plan import Probe

__all__ = ["Outcome", "Report", "Status"]


class Status(StrEnum):
    """What one probe says of its statement."""

    BROKEN = "broken"
    ERROR = "error"
    SEEN = "seen"

    @property
    def symbol(self) -> str:
        """One character for tables."""
        return {"broken": "✗", "error": "!", "seen": "✓"}[self.value]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A probe with what it saw, in one line, and how long it took in seconds."""

    probe: Probe
    status: Status
    seen: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Report:
    """All outcomes of one run against one stack."""

    stack: str
    variant: str
    topology: str
    outcomes: Sequence[Outcome]
    seconds: float

    def count(self, status: Status) -> int:
        """How many outcomes have this status."""
        return sum(outcome.status is status for outcome in self.outcomes)

    @property
    def exit_code(self) -> int:
        """0 all seen, 1 a statement is broken on the wire, 70 a probe could not be made."""
        if self.count(Status.BROKEN):
            return 1
        return 70 if self.count(Status.ERROR) else 0
