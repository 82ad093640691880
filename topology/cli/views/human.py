"""Diagnostics for people: the place in the file, what is wrong there, what to type."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from topology.diagnostics import Diagnostic, Diagnostics, Severity, display_path

if TYPE_CHECKING:
    from rich.text import Text

__all__ = ["SHOWN", "print_diagnostics", "print_verdict", "render_diagnostic"]

SHOWN = 100
"""How many diagnostics are printed; the rest are counted."""

_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.REMARK: "blue"}
_EXCERPT = 100


def print_diagnostics(diagnostics: Diagnostics) -> None:
    """Prints diagnostics to standard error, the first hundred and a count of the others."""
    if not diagnostics:
        return
    from rich.console import Console  # a third of the time that a valid file takes

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    for diagnostic in diagnostics[:SHOWN]:
        console.print(render_diagnostic(diagnostic))
    if len(diagnostics) > SHOWN:
        console.print(f"… and {len(diagnostics) - SHOWN} more")


def print_verdict(file: Path, diagnostics: Diagnostics, valid: bool) -> None:
    """Prints one line to standard output: whether a file is valid."""
    counts = {s: sum(d.severity is s for d in diagnostics) for s in Severity}
    told = ", ".join(
        f"{n} {severity}{'' if n == 1 else 's'}" for severity, n in counts.items() if n
    )
    verdict = typer.style("valid", "green") if valid else typer.style("invalid", "red")
    typer.echo(f"{_plain(str(file))}: {verdict}" + (f" ({told})" if told else ""))


def render_diagnostic(diagnostic: Diagnostic) -> Text:
    """A diagnostic with the line of the file that it is about, and a caret below the place."""
    from rich.text import Text

    colour = _COLOURS[diagnostic.severity]
    text = Text()
    text.append(f"{diagnostic.severity} {diagnostic.code}", style=f"bold {colour}")
    text.append(f": {_plain(diagnostic.summary)}\n", style="bold")
    position = diagnostic.subject.position
    path = _plain(display_path(diagnostic.subject.path))
    where = f"{_plain(str(position))}" if position is not None else ""
    text.append(f"  at {where}" + (f", {path}" if where and path else path) + "\n")
    if position is not None and position.text:
        start = position.column - 1
        # A long line is shown around the place; control characters would move the caret.
        cut = max(0, start - _EXCERPT // 2)
        shown = _plain(position.text[cut : cut + _EXCERPT])
        width = max(1, min(position.length, len(shown) - (start - cut)))
        number = str(position.line)
        text.append(f"  {number} | ", style="dim").append(shown + "\n")
        text.append(" " * (len(number) + 3) + "| ", style="dim")
        text.append(" " * (start - cut) + "^" * width + "\n", style=colour)
    if diagnostic.detail:
        text.append(f"  {_plain(diagnostic.detail)}\n")
    if diagnostic.hint:
        text.append("  hint: ", style="cyan").append(_plain(diagnostic.hint) + "\n")
    return text


def _plain(text: str) -> str:
    """Text without what a terminal would act upon."""
    return "".join(
        " " if c == "\t" else c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text
    )
