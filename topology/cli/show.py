"""`topology show`: what a topology resolves to."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from topology.cli.exits import ExitCode
from topology.cli.options import DEFAULT_FILE, TopologyFile

__all__ = ["Format", "show"]


class Format(StrEnum):
    """How a topology is shown."""

    JSON = "json"
    MERMAID = "mermaid"
    TABLE = "table"
    TREE = "tree"


def show(
    file: TopologyFile = Path(DEFAULT_FILE),
    form: Annotated[Format, typer.Option("--format", help="How to show it.")] = Format.TABLE,
) -> int:
    """Show a topology with all that is derived: addresses, MACs, routes, records, rules."""
    from topology.pipeline import resolve_file

    resolved, diagnostics = resolve_file(file)
    if diagnostics:
        from topology.cli.views.human import print_diagnostics

        print_diagnostics(diagnostics)
    if resolved is None:
        return ExitCode.INVALID
    match form:
        case Format.JSON:
            from topology.cli.views.json import print_document, topology_document

            print_document(topology_document(resolved))
        case Format.MERMAID:
            from topology.render.mermaid import mermaid

            typer.echo(mermaid(resolved), nl=False)
        case Format.TABLE:
            from topology.cli.views.network import print_tables

            print_tables(resolved)
        case Format.TREE:
            from topology.cli.views.network import print_tree

            print_tree(resolved)
    return ExitCode.DONE
