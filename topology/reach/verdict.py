"""What proving a statement gives: that it holds, or a packet that breaks it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from topology.reach.trace import Trace
from topology.resolve.types import ResolvedStatement, StatementKind

__all__ = ["Break", "Counterexample", "Proof", "Verdict"]


class Break(StrEnum):
    """In what way a packet breaks a statement."""

    ANSWER_LOST = "answer lost"
    ARRIVES = "arrives"
    AROUND = "arrives around"
    BLACK_HOLE = "black hole"
    LOST = "lost"
    NO_FAMILY = "no common family"
    LOOP = "loop"
    WRONG_ANSWER = "wrong answer"


@dataclass(frozen=True, slots=True)
class Counterexample:
    """A packet that breaks a statement, between two nodes, and its way.

    `question` is the way of the packet that opened the flow, where it is the answer that is
    lost. There is no way at all where the two have no address family in common.
    """

    kind: Break
    source: str
    destination: str
    trace: Trace | None = None
    question: Trace | None = None
    found: tuple[str, ...] = ()
    """The addresses that a name has instead of those that it should."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A statement with the packet that breaks it; without one it holds for all packets."""

    statement: ResolvedStatement
    broken: Counterexample | None = None

    @property
    def holds(self) -> bool:
        """Whether the statement is proved."""
        return self.broken is None

    @property
    def summary(self) -> str:
        """What breaks the statement, in a sentence; empty where it holds."""
        return "" if self.broken is None else _summary(self.statement, self.broken)


@dataclass(frozen=True, slots=True)
class Proof:
    """Every statement's verdict, by name."""

    verdicts: Mapping[str, Verdict]

    @property
    def holds(self) -> bool:
        """Whether all statements are proved."""
        return all(verdict.holds for verdict in self.verdicts.values())

    @property
    def broken(self) -> tuple[Verdict, ...]:
        """The statements that do not hold."""
        return tuple(verdict for verdict in self.verdicts.values() if not verdict.holds)


def _summary(statement: ResolvedStatement, broken: Counterexample) -> str:
    source, destination = broken.source, broken.destination
    match broken.kind:
        case Break.NO_FAMILY:
            return f"{source} and {destination} have no address of one family for this"
        case Break.LOST | Break.ANSWER_LOST:
            what = "a packet" if broken.kind is Break.LOST else "the answer"
            ends = (
                (destination, source) if broken.kind is Break.ANSWER_LOST else (source, destination)
            )
            return f"{what} of {ends[0]} does not reach {ends[1]}"
        case Break.ARRIVES:
            but = ", which no listed statement allows"
            return f"a packet of {source} reaches {destination}" + (
                but if statement.kind is StatementKind.ONLY else ""
            )
        case Break.AROUND:
            return f"a packet of {source} reaches {destination} and does not pass {statement.node}"
        case Break.LOOP:
            return f"a packet of {source} to {destination} goes round in a circle"
        case Break.WRONG_ANSWER:
            answer = ", ".join(broken.found) or "no address"
            return f"{destination} answers {source} with {answer} for {statement.hostname}"
        case Break.BLACK_HOLE:
            return f"a packet of {source} to {destination} is lost for want of a route"
