"""`topology reach`: the whole matrix of what opens from where to where."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topology.cli.exits import ExitCode
from topology.cli.options import DEFAULT_FILE, TopologyFile

if TYPE_CHECKING:
    from topology.resolve import Names

__all__ = ["By", "Format", "reach"]

MOST_NODES = 24
"""How many nodes a matrix shows one by one when it is not asked to."""


class Format(StrEnum):
    """How the matrix is shown."""

    JSON = "json"
    MERMAID = "mermaid"
    SVG = "svg"
    TABLE = "table"


class By(StrEnum):
    """What the rows and columns are."""

    NODE = "node"
    SEGMENT = "segment"
    ZONE = "zone"


def reach(
    file: TopologyFile = Path(DEFAULT_FILE),
    form: Annotated[Format, typer.Option("--format", help="How to show it.")] = Format.TABLE,
    by: Annotated[
        By | None,
        typer.Option(help=f"What rows and columns are; nodes up to {MOST_NODES}, else zones."),
    ] = None,
    sources: Annotated[
        list[str] | None, typer.Option("--from", help="Only from these nodes, zones, segments.")
    ] = None,
    destinations: Annotated[
        list[str] | None, typer.Option("--to", help="Only to these nodes, zones, segments.")
    ] = None,
) -> int:
    """Show which services every node opens on every other, by its own routes and addresses.

    Both families are told apart where they differ. Answers are not looked at: see explain.
    """
    from topology.pipeline import read_file
    from topology.resolve import Names

    read = read_file(file)
    if read.resolved is None:
        from topology.cli.views.human import print_diagnostics

        print_diagnostics(read.diagnostics)
        return ExitCode.INVALID
    assert read.loaded.topology is not None
    from topology.cli.views import matrix as views
    from topology.reach.matrix import matrix
    from topology.reach.network import Network

    names = Names(read.loaded.topology)
    rows = _groups(names, sources, by)
    found = matrix(Network(read.resolved), rows, _groups(names, destinations, by))
    match form:
        case Format.JSON:
            from topology.cli.views.json import print_document

            print_document(views.matrix_document(found))
        case Format.MERMAID:
            typer.echo(views.matrix_mermaid(found), nl=False)
        case Format.SVG:
            typer.echo(views.matrix_picture(found), nl=False)
        case Format.TABLE:
            views.print_matrix(found)
    return ExitCode.DONE


def _groups(
    names: Names, selectors: Sequence[str] | None, by: By | None
) -> dict[str, tuple[str, ...]]:
    """The nodes of each row or column."""
    for selector in selectors or ():
        if selector not in names.selectors:
            from topology.diagnostics import did_you_mean

            hint = did_you_mean(selector, names.selectors, "names")
            raise typer.BadParameter(f"there is no node, zone or segment `{selector}`: {hint}")
    chosen = names.nodes(selectors or ["any"])
    if by is None:
        by = By.NODE if len(chosen) <= MOST_NODES else By.ZONE
    if by is By.NODE:
        return {name: (name,) for name in chosen}
    groups = names.zones if by is By.ZONE else {s: (s,) for s in sorted(names.topology.segments)}
    found = {group: tuple(n for n in names.nodes([group]) if n in set(chosen)) for group in groups}
    return {group: nodes for group, nodes in found.items() if nodes}
