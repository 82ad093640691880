"""A picture's content, before anything is placed or drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from topology.resolve.types import Kind

__all__ = ["Lane", "Link", "Mark", "Scene", "SceneInterface", "SceneNode", "SceneSegment"]


class Mark(StrEnum):
    """How a thing differs from the side it is compared with."""

    SAME = "same"
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"

    @property
    def symbol(self) -> str:
        """The sign that says what the colour says; empty where nothing differs."""
        return _SYMBOLS[self]


_SYMBOLS: Mapping[Mark, str] = {
    Mark.SAME: "",
    Mark.ADDED: "+",
    Mark.REMOVED: "\N{MINUS SIGN}",
    Mark.CHANGED: "~",
}

Link: TypeAlias = tuple[str, str]
"""A node and a segment that it is attached to."""


@dataclass(frozen=True, slots=True)
class SceneInterface:
    """A node's attachment to a segment, with its addresses as text."""

    segment: str
    addresses: tuple[str, ...]
    mark: Mark = Mark.SAME


@dataclass(frozen=True, slots=True)
class SceneNode:
    """A node with its attachments, those that are gone included."""

    name: str
    kind: Kind
    interfaces: tuple[SceneInterface, ...]
    mark: Mark = Mark.SAME


@dataclass(frozen=True, slots=True)
class SceneSegment:
    """A segment with its zone and prefixes."""

    name: str
    zone: str
    prefixes: tuple[str, ...]
    mark: Mark = Mark.SAME


@dataclass(frozen=True, slots=True)
class Lane:
    """Flows of one fate: each source opens the same services on each destination.

    `name` is what the topology calls the services, if it does; `was` are the services of the
    other side where they changed. `links` are all that the flows pass.
    """

    sources: tuple[str, ...]
    destinations: tuple[str, ...]
    services: tuple[str, ...]
    links: frozenset[Link]
    name: str = ""
    mark: Mark = Mark.SAME
    was: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scene:
    """A whole picture; `old` and `new` name the sides where two are compared.

    Lanes join nodes that share no segment: neighbours reach one another freely.
    """

    name: str
    segments: Mapping[str, SceneSegment]
    nodes: Mapping[str, SceneNode]
    lanes: tuple[Lane, ...]
    old: str = ""
    new: str = ""

    @property
    def compared(self) -> bool:
        """Whether it shows a change."""
        return bool(self.new)
