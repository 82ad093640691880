"""The counters of a stack's nodes, as of now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from topology.inside.consoles import Written, read_console
from topology.inside.lines import Line
from topology.inside.stack import Looked
from topology.probe.ask import ask
from topology.probe.identity import Starts, starts_of

__all__ = ["Counted", "counters_now"]

_PATIENCE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Counted:
    """What a node answered, `uptime` in seconds; `fault` says why it did not, else it is empty."""

    node: str
    starts: Starts
    counters: Mapping[str, int]
    uptime: float | None = None
    fault: str = ""


def counters_now(looked: Looked, wanted: Sequence[str]) -> tuple[Counted, ...]:
    """Asks the nodes, all if none is named, and waits for their answers; raises `ProbeError`."""
    nodes = looked.nodes(wanted)
    consoles = {name: one.console for name, one in nodes.items()}
    known: dict[str, Written] = {
        name: read_console(name, path, looked.surroundings) for name, path in consoles.items()
    }
    now = dict(known)
    answers: dict[str, Line] = {}

    def answered(node: str) -> bool:
        now[node] = read_console(node, consoles[node], looked.surroundings)
        lines, before = now[node].lines, len(known[node].lines)
        fresh = lines[before:] if len(lines) >= before else lines  # it was rotated meanwhile
        for line in fresh:
            if line.event == "counters":
                answers[node] = line
        return node in answers

    readable = {name: one.domain for name, one in nodes.items() if known[name].size}
    silent = ask(looked.where.uri, readable, answered, seconds=_PATIENCE_SECONDS)
    silent |= {name: known[name].note for name in nodes.keys() - readable.keys()}
    return tuple(_counted(n, now[n], answers.get(n), silent.get(n, "")) for n in nodes)


def _counted(node: str, console: Written, answer: Line | None, fault: str) -> Counted:
    starts = starts_of(line.fields for line in console.lines)
    if answer is None:
        return Counted(node, starts, {}, fault=fault)
    given = answer.fields.get("counters", {})
    counters = {str(name): int(count) for name, count in given.items()}
    return Counted(node, starts, counters, answer.uptime)
