"""Text that tries to be more than text, wherever somebody else's is shown."""

from __future__ import annotations

from tests.support.edits import today
from tests.support.grammar import base_document, side_of
from topology.diff.types import Diff
from topology.sides.compare import Choices, compare
from topology.sides.read import Side

__all__ = ["HOSTILE", "hostile"]

HOSTILE = (
    "<script>alert(1)</script>",
    "`` ` |x| **b** [a](javascript:x) @everyone #1",
    "\x1b[31mred\x1b]0;title\x07",
    "a\nb\r\n| c |\n```\n",
    "\u202egnihtemos\u2066",
    '"]; click n0 "javascript:x"',
    "--><img src=x onerror=alert(1)>",
    "\\",
)


def hostile(text: str) -> tuple[Side, Side, Diff]:
    """A diff with foreign text where a topology lets it be: labels, texts, paths of content."""
    document = base_document()
    old = side_of(document, f"{text}:poc.yaml")
    document["nodes"]["dns"]["records"]["poc.example"]["note"] = {"txt": text}
    new = side_of(document, text)
    return old, new, compare(old, new, Choices(), today)
