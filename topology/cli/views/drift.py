"""What drifted, for people."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from topology.cli.views.logs import printable
from topology.drift.types import Drift, Report

__all__ = ["print_drift"]


def print_drift(report: Report) -> None:
    """A block a drift: its code and subject, what was applied and found, what to type."""
    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    for one in report.drifts:
        console.print(_block(one))
    for node in report.restarted:
        told = f"restarted: node {node.node}, {node.starts} starts; before the last: {node.reason}"
        console.print(Text(printable(told), "yellow"))
    for skipped in report.skipped:
        console.print(Text(f"not compared: {skipped.what}: {skipped.why}", "yellow"))
    what = f"{report.topology} as {report.variant}, stack {report.stack}"
    count = len(report.drifts)
    told = f"{count} drift{'s' if count > 1 else ''}" if count else "no drift"
    console.print(f"{what}: {told} in {report.seconds:.1f} s")


def _block(one: Drift) -> Text:
    text = Text()
    text.append(f"{one.code} ", "bold red")
    text.append(f"{one.thing} {one.name}\n", "bold")
    for word, said in (("applied", one.applied), ("found", one.found), ("mend", one.mend)):
        text.append(f"  {word:<8} ", "dim")
        text.append(f"{said}\n")
    return text
