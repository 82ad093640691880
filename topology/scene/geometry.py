"""The shapes of a picture, in pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from topology.scene.sizes import Sizes
from topology.scene.types import Link

__all__ = ["Bar", "Layout", "Point", "Rect"]

Point: TypeAlias = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Rect:
    """A box by its left upper corner."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """The right edge."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """The lower edge."""
        return self.y + self.height

    @property
    def middle(self) -> Point:
        """The centre."""
        return self.x + self.width / 2, self.y + self.height / 2

    def around(self, other: Rect) -> Rect:
        """The smallest box around both."""
        x, y = min(self.x, other.x), min(self.y, other.y)
        return Rect(x, y, max(self.right, other.right) - x, max(self.bottom, other.bottom) - y)

    def moved(self, dx: float, dy: float) -> Rect:
        """The box elsewhere."""
        return Rect(self.x + dx, self.y + dy, self.width, self.height)


@dataclass(frozen=True, slots=True)
class Bar:
    """A segment's line: its axis from end to end, and the drops of a level one."""

    start: Point
    end: Point
    drops: tuple[tuple[Point, Point], ...] = ()

    @property
    def level(self) -> bool:
        """Whether its axis is horizontal."""
        return self.start[1] == self.end[1]


@dataclass(frozen=True, slots=True)
class Layout:
    """Boxes, bars and lines in pixels; `links` lead from a bar's axis to a card's edge."""

    width: float
    height: float
    sizes: Sizes
    cards: Mapping[str, Rect]
    bars: Mapping[str, Bar]
    zones: tuple[tuple[str, Rect], ...]
    titles: Mapping[str, Point]
    """The left upper corner of each segment's part of its zone."""
    links: Mapping[Link, tuple[Point, ...]]
