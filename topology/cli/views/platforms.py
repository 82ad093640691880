"""The catalogue of platforms: a table for people, or JSON."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from topology.cli.views.json import Json, document_of
from topology.platforms.entry import Platform

__all__ = ["platforms_document", "print_platforms"]

_UNKNOWN = "-"


def print_platforms(platforms: Iterable[Platform]) -> None:
    """Prints the catalogue, and below it what each platform cannot do here."""
    platforms = tuple(platforms)
    table = Table(box=None, pad_edge=False)
    for column in ("platform", "state", "boot", "network", "addresses", "MiB", "licence"):
        table.add_column(column, overflow="fold")
    for one in platforms:
        state = ", ".join(part for part in (one.state, one.last) if part)
        network = f"{one.network} ({one.virtio})" if one.virtio else one.network
        memory = f"{one.example_memory} in an example" if one.example_memory else None
        table.add_row(
            one.name,
            state,
            _join(one.boot),
            network or _UNKNOWN,
            _join(one.addressing),
            one.least_memory or memory or _UNKNOWN,
            one.licence or _UNKNOWN,
        )
    console = Console(highlight=False, markup=False)
    console.print(table)
    console.print("\nWhat cannot be done here")
    for one in platforms:
        for limit in one.limits:
            console.print(f"  {one.name}: {limit.what}: {limit.why}", soft_wrap=True)


def platforms_document(platforms: Iterable[Platform]) -> Json:
    """The catalogue as `{"platforms": [...]}`; what is not established is absent."""
    return {"platforms": [document_of(one) for one in platforms]}


def _join(values: tuple[str, ...] | None) -> str:
    return ", ".join(values) if values else _UNKNOWN
