"""`topology diff`: what a change opens, closes, replaces, interrupts and breaks."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topology.cli.exits import ExitCode
from topology.cli.options import DEFAULT_FILE, Json
from topology.platforms.types import Variant

if TYPE_CHECKING:
    from topology.sides.read import Side

__all__ = ["Format", "Images", "diff"]


class Format(StrEnum):
    """How a diff is shown."""

    HTML = "html"
    JSON = "json"
    MARKDOWN = "markdown"
    TEXT = "text"


class Images(StrEnum):
    """Whose images count: those of each side's own sources, or today's on both sides."""

    OWN = "own"
    TODAY = "today"


def diff(
    old: Annotated[
        str,
        typer.Argument(help="FILE, REVISION, REVISION:PATH or stack:NAME.", metavar="OLD"),
    ] = "HEAD",
    new: Annotated[
        str | None,
        typer.Argument(
            help="The same; the file that OLD is about if it is left out.",
            metavar="NEW",
            show_default=False,
        ),
    ] = None,
    form: Annotated[Format, typer.Option("--format", "-f", help="How to show it.")] = Format.TEXT,
    json: Json = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="End with 1 if there is a difference, as git's.")
    ] = False,
    variant: Annotated[
        Variant | None, typer.Option("--variant", help="Deployment in this variant alone.")
    ] = None,
    images: Annotated[
        Images,
        typer.Option(
            "--images",
            help="A revision's images are those of its own sources, or today's on both sides.",
        ),
    ] = Images.OWN,
) -> int:
    """Compare two topologies by what they are and do, and what deploying one over the other does.

    Structure by identity, flows, what is replaced and who is cut off meanwhile, statements.

    Examples: topology diff main · topology diff HEAD~1 · topology diff a.yaml b.yaml ·
    topology diff v1:poc.yaml poc.yaml · topology diff stack:unikernel
    """
    from topology.cli.views.diff import print_diff
    from topology.image import project_root
    from topology.sides.compare import Choices, compare
    from topology.sides.read import read_side

    root = project_root()
    before = read_side(old, default=Path(new or DEFAULT_FILE), root=root)
    after = read_side(new or _file_of(before), default=before.path, root=root)
    chosen = Choices(variant, images_of_today=images is Images.TODAY)
    found = compare(before, after, chosen)
    views = (before.view, after.view)
    print_diff(found, Format.JSON if json else form, views)
    if not (before.diagnostics.ok and after.diagnostics.ok):
        return ExitCode.INVALID
    return ExitCode.BROKEN if exit_code and found.differs else ExitCode.DONE


def _file_of(side: Side) -> str:
    """The file of the working tree that a side is about."""
    if side.revision is not None:
        return os.path.relpath(side.revision.repository.root / side.path)
    if side.record is not None:
        from topology.image import project_root

        return os.path.relpath(project_root() / side.path)
    raise typer.BadParameter("name two sides, or one that is a revision or a stack")
