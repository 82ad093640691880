"""A document as blocks, which are written as Markdown and as HTML alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

__all__ = [
    "Block",
    "Cell",
    "Code",
    "Heading",
    "Items",
    "Paragraph",
    "Picture",
    "Table",
]


@dataclass(frozen=True, slots=True)
class Heading:
    """A title; `level` 1 is the document's."""

    text: str
    level: int = 2


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Plain text; words between backticks are code."""

    text: str


@dataclass(frozen=True, slots=True)
class Items:
    """A list; with `warning` one that must not be overlooked."""

    texts: Sequence[str]
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """A table's cell; `style` is a class of the page (better, worse, alike, unsure).

    `beneath` stands under the text, smaller, and behind it where there is no room for that.
    """

    text: str
    style: str = ""
    beneath: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose first column is text and whose others are figures, unless all is `text`.

    It is `folded` under a title where it has one.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[Cell | str]]
    folded: str = ""
    text: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """A plot as SVG, and what it shows in words."""

    name: str
    svg: str
    caption: str


@dataclass(frozen=True, slots=True)
class Code:
    """Something to type."""

    text: str


Block: TypeAlias = Heading | Paragraph | Items | Table | Picture | Code
