"""`topology bench`: what the engine costs, in figures."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from topology.cli.exits import ExitCode
from topology.cli.options import Json

__all__ = ["Subject", "bench"]


class Subject(StrEnum):
    """What is measured."""

    ENGINE = "engine"


def bench(
    subject: Annotated[Subject, typer.Argument(help="What to measure.")],
    most: Annotated[
        int, typer.Option(help="The largest number of nodes and of rules.", min=10)
    ] = 50_000,
    plot: Annotated[
        Path | None, typer.Option(help="Write a plot of cost against size to this SVG file.")
    ] = None,
    json: Json = False,
) -> int:
    """Measure the engine on generated networks and firewalls: read, resolve, check, prove."""
    assert subject is Subject.ENGINE
    from topology.bench.engine import FIREWALLS, NETWORKS, measured
    from topology.cli.views.progress import say

    networks = [("network", size) for size in NETWORKS if size <= most]
    firewalls = [("firewall", size) for size in FIREWALLS if size <= most]
    costs = measured([*networks, *firewalls], say)
    if plot is not None:
        from topology.bench.plot import plot as draw

        plot.write_text(draw(costs), encoding="utf-8")
    if json:
        from topology.cli.views.json import print_document

        print_document({"version": 1, "costs": [asdict(cost) for cost in costs]})
    else:
        from topology.cli.views.engine import print_costs

        print_costs(costs)
    return ExitCode.DONE
