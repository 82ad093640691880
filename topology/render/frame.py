"""The frame of a page without script: one file that asks for nothing, in its own style."""

from __future__ import annotations

from collections.abc import Iterable

from topology.render.diff.escape import html_text

__all__ = ["framed"]

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def framed(title: str, style: str, body: Iterable[str]) -> str:
    """A page of these lines; `title` is text, `style` is CSS, `body` is HTML."""
    lines = (
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        f"<title>{html_text(title)}</title>",
        f"<style>\n{style}\n</style></head><body>",
        *body,
        "</body></html>",
    )
    return "\n".join(lines) + "\n"
