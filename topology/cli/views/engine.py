"""What the engine costs: a table."""

from __future__ import annotations

from collections.abc import Collection

from rich.console import Console
from rich.table import Table

from topology.bench.engine import Cost

__all__ = ["print_costs"]


def print_costs(costs: Collection[Cost]) -> None:
    """Prints seconds a stage and memory; what is generated is proved, or it is said."""
    table = Table(
        box=None,
        pad_edge=False,
        collapse_padding=True,
        padding=(0, 1),
        caption="seconds of processor time",
        caption_justify="left",
    )
    table.add_column("topology", no_wrap=True)
    stages = ("load", "resolve", "check", "prove", "plan", "explain", "diff")
    for column in (*stages, "MiB", "statements"):
        table.add_column(column, justify="right")
    for cost in costs:
        what = "rules" if cost.kind == "firewall" else "nodes"
        table.add_row(
            f"{cost.size:,} {what}",
            *(_seconds(getattr(cost, stage)) for stage in stages),
            str(cost.memory),
            f"{cost.statements:,}" + ("" if cost.holds else ", broken"),
        )
    console = Console(highlight=False, markup=False)
    console.print(table)
    for cost in costs:
        if cost.command is not None:
            console.print(
                f"topology diff HEAD of the proof of concept: {cost.command:.3f} s in all"
            )


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
