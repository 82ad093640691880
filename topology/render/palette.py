"""The colours of pictures, light and dark, and the style sheets that they stand in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from string import Template

__all__ = ["LANES", "ZONES", "asset", "file_style", "page_style"]

LANES = 8
"""How many lanes have a colour and a dash of their own."""

ZONES = 6
"""How many zones have a colour of their own."""

_COLOURS: Mapping[str, tuple[str, str]] = {
    "paper": ("#ffffff", "#0d1117"),
    "panel": ("#f6f8fa", "#161b22"),
    "card": ("#ffffff", "#1c2230"),
    "ink": ("#1f2328", "#e6edf3"),
    "muted": ("#59636e", "#9aa6b2"),
    "line": ("#c5ccd3", "#3a434d"),
    "wire": ("#a9b2bc", "#515c68"),
    "accent": ("#0757c0", "#79b0ff"),
    "added": ("#1a7f37", "#3fb950"),
    "removed": ("#cf222e", "#ff6a63"),
    "changed": ("#9a6700", "#e3b341"),
    "zone0": ("#eef4fd", "#131f33"),
    "zone1": ("#fdf3e7", "#2a2013"),
    "zone2": ("#ecf7ee", "#13261a"),
    "zone3": ("#f6effb", "#241a2f"),
    "zone4": ("#e9f6f6", "#122629"),
    "zone5": ("#fbeef2", "#2d171f"),
    "edge0": ("#6d94d0", "#4a72b5"),
    "edge1": ("#c79049", "#a1712f"),
    "edge2": ("#66a876", "#438656"),
    "edge3": ("#a37cc4", "#7d58a0"),
    "edge4": ("#56a3a3", "#377f82"),
    "edge5": ("#cb7d97", "#a25973"),
    "lane0": ("#1d5fd1", "#6ea8ff"),
    "lane1": ("#c2450b", "#ff9a5c"),
    "lane2": ("#11783a", "#4ed07f"),
    "lane3": ("#7a2bbd", "#c795ff"),
    "lane4": ("#0d7377", "#3fd0d4"),
    "lane5": ("#b3175c", "#ff7ab3"),
    "lane6": ("#7a5c00", "#e0bb3c"),
    "lane7": ("#4b5563", "#aab4c0"),
}

_STATIC = Path(__file__).parent / "static"


def asset(name: str) -> str:
    """A file that pages are made with, as it stands beside this module."""
    return (_STATIC / name).read_text(encoding="utf-8")


def file_style(name: str) -> str:
    """A style sheet for a picture in a file of its own, which is as light as its reader's screen.

    No variables: programs that turn pictures into paper know none.
    """
    template = Template(asset(name))
    light = template.substitute({key: light for key, (light, _) in _COLOURS.items()})
    dark = template.substitute({key: dark for key, (_, dark) in _COLOURS.items()})
    coloured = "\n".join(
        line
        for line, other in zip(dark.splitlines(), light.splitlines(), strict=True)
        if line != other
    )
    return f"{light.rstrip()}\n@media (prefers-color-scheme: dark) {{\n{coloured}\n}}\n"


def page_style(name: str) -> str:
    """A style sheet for a page, which can be told to be light or dark."""
    both = {key: f"light-dark({light}, {dark})" for key, (light, dark) in _COLOURS.items()}
    return Template(asset(name)).substitute(both)
