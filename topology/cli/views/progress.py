"""Lines that tell what is being waited for."""

from __future__ import annotations

import typer

__all__ = ["say"]


def say(line: str) -> None:
    """Prints a line to standard error, which leaves standard output to what was asked for."""
    typer.echo(line, err=True)
