"""`topology show`: what a topology resolves to, as text, data or picture."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topology.cli.exits import ExitCode
from topology.cli.options import DEFAULT_FILE, TopologyFile

if TYPE_CHECKING:
    from topology.diff.view import View

__all__ = ["Format", "show"]


class Format(StrEnum):
    """How a topology is shown."""

    DOT = "dot"
    HTML = "html"
    JSON = "json"
    MERMAID = "mermaid"
    SVG = "svg"
    TABLE = "table"
    TREE = "tree"


def show(
    file: TopologyFile = Path(DEFAULT_FILE),
    form: Annotated[Format, typer.Option("--format", "-f", help="How to show it.")] = Format.TABLE,
    old: Annotated[
        str | None,
        typer.Option(
            "--diff",
            metavar="OLD",
            help="Mark what differs from this FILE, REVISION, REVISION:PATH or stack:NAME.",
            show_default=False,
        ),
    ] = None,
) -> int:
    """Show a topology with all that is derived: addresses, MACs, routes, records, rules.

    dot, mermaid, svg and html are pictures: zones, segments, nodes, and the flows that the rules
    let through, by the way that they take. html is one file to open in a browser.

    Examples: topology show -f svg > poc.svg · topology show -f html --diff main > change.html
    """
    if old is not None:
        return _show_change(file, form, old)
    from topology.pipeline import read_file

    read = read_file(file)
    if read.diagnostics:
        from topology.cli.views.human import print_diagnostics

        print_diagnostics(read.diagnostics)
    if read.resolved is None:
        return ExitCode.INVALID
    match form:
        case Format.JSON:
            from topology.cli.views.json import print_document, topology_document

            print_document(topology_document(read.resolved))
        case Format.TABLE:
            from topology.cli.views.network import print_tables

            print_tables(read.resolved)
        case _:
            from topology.diff.view import View

            assert read.loaded.topology is not None
            assert read.loaded.source is not None
            locate = read.loaded.source.locate
            view = View(str(file), read.loaded.topology, read.resolved, locate=locate)
            _picture(form, view, None)
    return ExitCode.DONE


def _show_change(file: Path, form: Format, old: str) -> int:
    """Shows both sides in one picture."""
    if form in (Format.JSON, Format.TABLE):
        raise typer.BadParameter(
            f"a change as {form.value}: topology diff {old} {file}; "
            "--diff marks what differs in tree, dot, mermaid, svg and html",
            param_hint="--diff",
        )
    from topology.image import project_root
    from topology.sides.read import read_side

    root = project_root()
    before = read_side(old, default=file, root=root)
    after = read_side(str(file), default=file, root=root)
    diagnostics = before.diagnostics + after.diagnostics
    if diagnostics:
        from topology.cli.views.human import print_diagnostics

        print_diagnostics(diagnostics)
    views = (before.view, after.view)
    if any(view is None or view.resolved is None for view in views):
        return ExitCode.INVALID
    assert views[0] is not None
    assert views[1] is not None
    _picture(form, views[1], views[0])
    return ExitCode.DONE


def _picture(form: Format, view: View, old: View | None) -> None:
    from topology.cli.views.picture import picture_in

    typer.echo(picture_in(form, view, old), nl=False)
