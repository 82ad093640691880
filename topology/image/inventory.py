"""What the store holds of the images that this clone's sources give."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from topology.image.build import Progress, ensure, lookup, roles
from topology.image.store import Store
from topology.plan.types import ImageRef
from topology.platforms.types import Variant


class State(StrEnum):
    """What is known of an image."""

    DAMAGED = "damaged"
    MISSING = "missing"
    STORED = "stored"


@dataclass(frozen=True, slots=True)
class Entry:
    """A role of a variant, and its image where the store has it."""

    variant: Variant
    role: str
    state: State
    image: ImageRef | None = None


def inventory(
    variants: Iterable[Variant],
    *,
    root: Path,
    build: bool = False,
    verify: bool = False,
    progress: Progress | None = None,
    store: Store | None = None,
) -> tuple[Entry, ...]:
    """An entry for every role of the variants, in order.

    `verify` reads every image and compares it with its digest. `build` makes those that are
    missing and, with `verify`, those that are damaged. Raises `ImageError` as `ensure` does.
    """
    store = store or Store.default()
    entries: list[Entry] = []
    for variant in variants:
        wanted = roles(variant, root)
        found = lookup(variant, wanted, root=root, store=store)
        damaged = {
            role for role, image in found.items() if verify and not store.intact(image.digest)
        }
        if build:
            for role in damaged:
                store.discard(found[role].digest)
            found = ensure(variant, wanted, root=root, progress=progress, store=store)
            damaged = set()
        for role in wanted:
            image = found.get(role)
            state = State.MISSING if image is None else State.STORED
            entries.append(Entry(variant, role, State.DAMAGED if role in damaged else state, image))
    return tuple(entries)


__all__ = ["Entry", "State", "inventory"]
