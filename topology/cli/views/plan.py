"""A deployment: tables for people, or JSON."""

from __future__ import annotations

from typing import cast

from rich.console import Console
from rich.table import Table

from topology.cli.views.json import Json
from topology.plan.document import document
from topology.plan.types import Deployment

__all__ = ["plan_document", "print_plan"]


def plan_document(deployment: Deployment) -> Json:
    """The whole plan, with the version of this form."""
    return cast("Json", {"version": 1, **document(deployment)})


def print_plan(deployment: Deployment) -> None:
    """Prints domains, segments and where the outside stands."""
    console = Console(highlight=False, markup=False)
    console.print(
        f"Stack {deployment.stack}: topology {deployment.topology} as {deployment.variant}\n"
    )
    for table in (_domains(deployment), _segments(deployment), _outside(deployment)):
        if table.row_count:
            console.print(table)
            console.print()


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _domains(deployment: Deployment) -> Table:
    table = _table("Domains", "domain", "kind", "MiB", "image", "config", "addresses", "replaced")
    for domain in deployment.domains:
        table.add_row(
            domain.name,
            domain.kind,
            str(domain.memory),
            domain.image.digest[:12],
            domain.config_digest[:12],
            "\n".join(address for nic in domain.nics for address in nic.addresses),
            domain.replace,
        )
    return table


def _segments(deployment: Deployment) -> Table:
    table = _table("Segments", "segment", "network", "bridge", "mtu")
    for segment in deployment.segments:
        bridge = f"{segment.bridge} (uplink)" if segment.uplink else segment.bridge
        table.add_row(segment.name, segment.network or "", bridge, str(segment.mtu))
    return table


def _outside(deployment: Deployment) -> Table:
    table = _table("Outside", "node", "segment", "addresses", "resolvers")
    for client in deployment.outside:
        table.add_row(
            client.node,
            client.segment,
            "\n".join(client.addresses),
            "\n".join(client.resolvers),
        )
    return table
