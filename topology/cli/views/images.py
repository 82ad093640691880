"""Images: a table for people, or JSON."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from topology.cli.views.json import Json
from topology.image.inventory import Entry, State

__all__ = ["images_document", "print_images"]


def print_images(entries: Iterable[Entry]) -> None:
    """Prints a line for every role."""
    table = Table(box=None, pad_edge=False)
    for column in ("variant", "role"):
        table.add_column(column)
    table.add_column("bytes", justify="right")
    table.add_column("digest", overflow="fold")
    for entry in entries:
        image = entry.image
        if image is None:
            table.add_row(entry.variant, entry.role, "", "not built")
            continue
        note = "  DAMAGED" if entry.state is State.DAMAGED else ""
        table.add_row(entry.variant, entry.role, f"{image.size:,}", f"{image.digest}{note}")
    Console(highlight=False, markup=False).print(table)


def images_document(entries: Iterable[Entry]) -> Json:
    """The images as `{"images": [...]}`; what is not built has neither digest nor bytes."""
    return {"images": [_entry(entry) for entry in entries]}


def _entry(entry: Entry) -> Json:
    document: dict[str, Json] = {
        "variant": entry.variant.value,
        "role": entry.role,
        "state": entry.state.value,
    }
    if entry.image is not None:
        document |= {
            "digest": entry.image.digest,
            "bytes": entry.image.size,
            "path": str(entry.image.path),
        }
    return document
