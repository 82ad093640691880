"""What goes wrong when a plan is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason why nothing can be planned: what it is about, what is wrong, what to do."""

    subject: str
    summary: str
    hint: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.summary} ({self.hint})"


class PlanError(Exception):
    """The resolved topology cannot be planned as asked; `problems` holds every reason."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(one) for one in problems))
        self.problems = tuple(problems)


__all__ = ["PlanError", "Problem"]
