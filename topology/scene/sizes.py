"""How large what is drawn is, in pixels, by how much there is to draw."""

from __future__ import annotations

from dataclasses import dataclass

from topology.scene.types import Scene, SceneInterface, SceneNode

__all__ = ["Sizes", "card_lines", "short", "sizes_for"]

_MANY = 60
"""Nodes beyond which cards show a name and one address each."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Cards, gaps and letters; `lines` is how many lines of addresses a card shows at most."""

    dense: bool
    card: float
    head: float
    line: float
    lines: int
    name: int
    gap: float
    reach: float
    """From a bar to the cards on it."""
    header: float
    pad: float
    between: float
    """Between layers."""


_ROOMY = Sizes(False, 172, 38, 15, 6, 20, 14, 62, 68, 16, 44)
_DENSE = Sizes(True, 112, 19, 13, 1, 16, 7, 18, 34, 8, 26)


def sizes_for(scene: Scene) -> Sizes:
    """Roomy while every address can be shown, dense beyond."""
    return _DENSE if len(scene.nodes) > _MANY else _ROOMY


def card_lines(node: SceneNode, sizes: Sizes) -> tuple[tuple[SceneInterface, str], ...]:
    """The lines of a card: an address each, as far as there is room."""
    every = [(i, address) for i in node.interfaces for address in i.addresses]
    return tuple(every[: sizes.lines])


def short(text: str, most: int) -> str:
    """Text cut to so many letters.

    >>> short("a-long-name", 6)
    'a-lon…'
    """
    return text if len(text) <= most else text[: most - 1] + "…"
