"""A diff: coloured text, or one of the documents that other programs show."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

import typer

from topology.diff.types import Diff

if TYPE_CHECKING:
    from topology.cli.diff import Format
    from topology.diff.view import View
    from topology.render.diff.text import Line

__all__ = ["diff_in", "print_diff"]

_MOST_DRAWN = 400
"""Nodes beyond which a page of a diff has no map: `topology show --diff` has one."""

_COLOURS: Mapping[str, Mapping[str, bool | str]] = {
    "added": {"fg": "green"},
    "bad": {"fg": "red", "bold": True},
    "changed": {"fg": "yellow"},
    "dim": {"dim": True},
    "good": {"fg": "green"},
    "head": {"bold": True},
    "removed": {"fg": "red"},
}


def print_diff(diff: Diff, form: Format, views: tuple[View | None, View | None]) -> None:
    """Prints a diff to standard output; colours only for a terminal that wants them."""
    if form.value != "text":
        typer.echo(diff_in(diff, form, views), nl=False)
        return
    from topology.render.diff.text import diff_lines

    coloured = not os.environ.get("NO_COLOR")
    # Written at once: a thousand small writes take longer than the comparison.
    typer.echo("\n".join(_styled(line, coloured) for line in diff_lines(diff)))


def diff_in(diff: Diff, form: Format, views: tuple[View | None, View | None]) -> str:
    """The text of a diff in a format."""
    match form.value:
        case "json":
            import json

            from topology.render.diff.document import diff_document

            return json.dumps(diff_document(diff), indent=2, ensure_ascii=False) + "\n"
        case "markdown":
            from topology.render.diff.markdown import diff_markdown
            from topology.render.diff.picture import picture

            old, new = views
            drawn = picture(diff, old, new) if old is not None and new is not None else ""
            return diff_markdown(diff, drawn)
        case "html":
            from topology.render.diff.html import diff_html

            return diff_html(diff, _drawn(diff, views))
        case _:
            from topology.render.diff.text import diff_text

            return diff_text(diff)


def _drawn(diff: Diff, views: tuple[View | None, View | None]) -> str:
    """The map with what differs marked, where both sides are valid, differ and can be drawn."""
    old, new = views
    if old is None or new is None or old.resolved is None or new.resolved is None:
        return ""
    if not diff.differs or len(new.resolved.nodes) > _MOST_DRAWN:
        return ""
    from topology.render.svg import svg
    from topology.scene.build import compared_scene

    return svg(compared_scene(old, new))


def _styled(line: Line, coloured: bool) -> str:
    if not coloured:
        return "".join(text for _, text in line)
    return "".join(
        typer.style(text, **_COLOURS[style.value])  # type: ignore[arg-type]
        if style.value in _COLOURS
        else text
        for style, text in line
    )
