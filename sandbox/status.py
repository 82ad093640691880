"""What of the lab is there: the daemon, the accelerator, and every node with its reason."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from . import accelerator, daemon, stacks, table
from .errors import LabError
from .paths import Lab

__all__ = ["Node", "Status", "death", "describe", "observe", "starts"]

TAIL = 65536


@dataclass(frozen=True, slots=True)
class Node:
    """A deployed node: its domain's state, and why it is dead, or has started again."""

    stack: str
    node: str
    kind: str
    domain: str
    state: str
    console: str
    reason: str


@dataclass(frozen=True, slots=True)
class Status:
    """What was seen at one moment."""

    running: bool
    keepers: tuple[int, ...]
    uri: str
    accelerator: str
    accelerator_reason: str
    stacks: tuple[str, ...]
    nodes: tuple[Node, ...]
    other_domains: tuple[str, ...]


def death(console: Path) -> str:
    """Return the reason in the last line that a guest wrote about its death, or nothing."""
    try:
        with console.open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(max(0, size - TAIL))
            lines = stream.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"its console cannot be read: {error.strerror}"
    for line in reversed(lines):
        try:
            said = json.loads(line)
        except ValueError:
            continue
        if isinstance(said, dict) and said.get("event") == "fatal":
            return str(said.get("reason", ""))
    return ""


def starts(console: Path) -> int:
    """Return how often a guest started, as its console shows; 0 where that cannot be read."""
    try:
        with console.open("rb") as stream:
            return sum(line.startswith(b'{"event":"boot"') for line in stream)
    except OSError:
        return 0


def observe(lab: Lab) -> Status:
    """Look, changing nothing."""
    alive = daemon.answers(lab)
    states = stacks.running(lab) if alive else {}
    nodes = [
        _node(stack, name, output, states, alive)
        for stack in stacks.names(lab)
        for name, output in stacks.read(lab, stack).nodes.items()
    ]
    try:
        choice = accelerator.choose(lab, remember=False)
        chosen, reason = choice.accelerator.value, choice.reason
    except LabError as error:
        chosen, reason = "none", str(error)
    return Status(
        running=alive,
        keepers=daemon.keepers(lab),
        uri=lab.uri,
        accelerator=chosen,
        accelerator_reason=reason,
        stacks=stacks.names(lab),
        nodes=tuple(nodes),
        other_domains=tuple(sorted(set(states) - {node.domain for node in nodes})),
    )


def _node(
    stack: str, name: str, output: stacks.Output, states: dict[str, str], alive: bool
) -> Node:
    domain, console = str(output.get("domain", "")), str(output.get("console", ""))
    state = states.get(domain, "missing") if alive else "unknown"
    reason = ""
    if state != "running":
        reason = death(Path(console)) if console else ""
        if not reason and state == "shut off":
            reason = "it said nothing: killed from outside, or stopped"
    elif console and (count := starts(Path(console))) > 1:
        why = death(Path(console)) or "nothing, so a triple fault, or a reset from outside"
        reason = f"started {count} times; its last words: {why}"
    return Node(stack, name, str(output.get("kind", "")), domain, state, console, reason)


def describe(status: Status) -> str:
    """Return the status for people."""
    where = f"running at {status.uri}" if status.running else "not running (`./lab up` starts it)"
    lines = [
        f"libvirt      {where}",
        f"accelerator  {status.accelerator}: {status.accelerator_reason}",
        f"stacks       {', '.join(status.stacks) or 'none'}",
    ]
    if status.nodes:
        rows = [
            [node.stack, node.node, node.kind, node.state, node.domain, node.reason]
            for node in status.nodes
        ]
        header = ["stack", "node", "kind", "state", "domain", "reason"]
        lines += ["", table.render(header, rows)]
    if status.other_domains:
        lines += ["", f"other domains: {', '.join(status.other_domains)}"]
    return "\n".join(lines)
