"""Console lines, for people and for programs."""

from __future__ import annotations

import json as encoder
from datetime import UTC, datetime

import typer

from topology.inside.lines import Line
from topology.inside.rules import Rules
from topology.inside.words import Teller, clock

__all__ = ["line_document", "print_line", "print_note", "printable"]

_COLOURS = {"drop": typer.colors.YELLOW, "fatal": typer.colors.RED, "ready": typer.colors.GREEN}


def print_line(line: Line, teller: Teller, rules: Rules | None, *, json: bool) -> None:
    """One line: the time, the node, what happened; as an object with `json`."""
    if json:
        typer.echo(encoder.dumps(line_document(line, rules), ensure_ascii=False))
        return
    event = typer.style(f"{line.event or 'text':<8}", fg=_COLOURS.get(line.event))
    typer.echo(f"{clock(line.time)} {line.node:<10} {event} {printable(teller.tell(line))}")


def line_document(line: Line, rules: Rules | None) -> dict[str, object]:
    """The node's own object, with the time and the place of a rule where these are known."""
    document: dict[str, object] = dict(line.fields) or {"event": "text", "text": line.text}
    document["node"] = line.node
    at = None if line.time is None else datetime.fromtimestamp(line.time, UTC)
    document["time"] = None if at is None else at.isoformat(timespec="microseconds")
    if line.event == "drop" and rules is not None:
        place = rules.place(line.node, str(line.fields.get("rule")))
        if place:
            document["place"] = place
    return document


def print_note(node: str, note: str) -> None:
    """What is wrong with a console, on standard error."""
    typer.echo(f"{node}: {note}", err=True)


def printable(text: str) -> str:
    """Without what would move a terminal's cursor: a console may hold anything."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
