"""`topology textconv`: a topology in the form that git compares line by line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from topology.cli.exits import ExitCode

__all__ = ["textconv"]


def textconv(
    file: Annotated[Path, typer.Argument(help="A topology's file, as git gives it.")],
) -> int:
    """Print a topology as lines in an order of their own, for git's textconv.

    A file that is no topology is printed as it is, so that git can show any of its history.
    `topology.gitconfig` says how git is told to use it.
    """
    from topology.diff.view import View
    from topology.load import load_file
    from topology.render.diff.canonical import canonical_text

    loaded = load_file(file)
    if loaded.topology is None:
        typer.echo(file.read_bytes(), nl=False)
    else:
        typer.echo(canonical_text(View(str(file), loaded.topology, None)), nl=False)
    return ExitCode.DONE
