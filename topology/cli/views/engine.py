"""What the engine costs: a table."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from topology.bench.engine import Cost

__all__ = ["print_costs"]


def print_costs(costs: Iterable[Cost]) -> None:
    """Prints seconds a stage and memory; what is generated is proved, or it is said."""
    table = Table(box=None, pad_edge=False)
    table.add_column("topology")
    for column in ("load", "resolve", "check", "prove", "plan", "explain", "MiB", "statements"):
        table.add_column(column, justify="right")
    for cost in costs:
        what = "nodes" if cost.kind == "network" else "rules on one firewall"
        stages = (cost.load, cost.resolve, cost.check, cost.prove, cost.plan, cost.explain)
        table.add_row(
            f"{cost.size:,} {what}",
            *(f"{seconds:.3f} s" for seconds in stages),
            str(cost.memory),
            f"{cost.statements:,}" + ("" if cost.holds else ", broken"),
        )
    Console(highlight=False, markup=False).print(table)
