"""The counters of nodes: a table for people, or JSON."""

from __future__ import annotations

from collections.abc import Iterable

import typer
from rich.console import Console
from rich.table import Table

from topology.cli.views.json import Json
from topology.cli.views.logs import print_note, printable
from topology.inside.counters import Counted

__all__ = ["counters_document", "print_counted"]


def print_counted(found: Iterable[Counted]) -> None:
    """One counter a row; what is to be said of a node is on standard error."""
    found = tuple(found)
    table = Table(box=None, pad_edge=False)
    table.add_column("node")
    table.add_column("counter", overflow="fold")
    table.add_column("value", justify="right")
    for one in found:
        for name, count in one.counters.items():
            table.add_row(one.node, printable(name), str(count))
    if table.row_count:
        Console(highlight=False, markup=False).print(table)
    for one in found:
        if one.fault:
            print_note(one.node, one.fault)
        if one.starts.why:
            said = f"started {one.starts.count} times; before the last: {one.starts.why}"
            typer.echo(f"{one.node}: {printable(said)}", err=True)


def counters_document(stack: str, found: Iterable[Counted]) -> Json:
    """What each node answered, by its name; `uptime` in seconds, `fault` where it did not."""
    return {"stack": stack, "nodes": {one.node: _document(one) for one in found}}


def _document(one: Counted) -> Json:
    document: dict[str, Json] = {"starts": one.starts.count, "reason": one.starts.why}
    if one.fault:
        return {**document, "fault": one.fault}
    return {**document, "uptime": one.uptime, "counters": dict(one.counters)}
