"""What goes wrong when a plan is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from topology.errors import TopologyError


@dataclass(frozen=True, slots=True)
class Problem:
    """One setting that makes no plan: which it is, what is wrong, what to do."""

    setting: str
    summary: str
    hint: str

    @property
    def text(self) -> str:
        """The problem in one line."""
        return f"{self.setting}: {self.summary}; {self.hint}"


class PlanError(TopologyError):
    """Nothing can be planned with these settings; `problems` holds every reason."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(one.text for one in problems))
        self.problems = tuple(problems)


__all__ = ["PlanError", "Problem"]
