"""`topology gitdiff`: the semantic diff where git asks for one of two versions of a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from topology.cli.exits import ExitCode

__all__ = ["gitdiff"]


def gitdiff(
    path: Annotated[str, typer.Argument(help="The file's path in the repository.")],
    files: Annotated[
        list[str] | None,
        typer.Argument(help="What git adds: old file, hex, mode, new file, hex, mode, and more."),
    ] = None,
) -> int:
    """Print the semantic diff of two versions, as git's external diff (`diff.<driver>.command`).

    Content is that of the working tree on both sides: git hands over the one file only.
    """
    from topology.cli.diff import Format
    from topology.cli.views.diff import print_diff
    from topology.sides.compare import Choices, compare
    from topology.sides.read import text_side

    given = files or []
    if len(given) < 6:
        typer.echo(f"{path}: unmerged")
        return ExitCode.DONE
    base = Path(path).parent
    old, new = (
        text_side(_text(Path(name)), f"{word}/{path}", base)
        for word, name in (("a", given[0]), ("b", given[3]))
    )
    found = compare(old, new, Choices(images_of_today=True))
    print_diff(found, Format.TEXT, (old.view, new.view))
    return ExitCode.DONE


def _text(file: Path) -> str:
    """A version's text; git names /dev/null for a file that is new or gone."""
    return file.read_bytes().decode("utf-8", errors="replace")
