"""The headline figures of the README: a marked block that a record alone decides."""

from __future__ import annotations

from topology.bench.errors import BenchError

__all__ = ["BEGIN", "END", "with_figures"]

BEGIN = "<!-- figures: begin (topology bench report docs/benchmark --readme README.md) -->"
END = "<!-- figures: end -->"


def with_figures(text: str, figures: str) -> str:
    """The text with what stands between the marks exchanged; raises `BenchError` without marks.

    >>> with_figures(f"a {BEGIN}old{END} b", "new").replace("\\n", "|") == (
    ...     f"a {BEGIN}||new|{END} b"
    ... )
    True
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise BenchError(
            "the file has no place for figures", hint=f"add the lines {BEGIN} and {END} to it"
        )
    return f"{before}{BEGIN}\n\n{figures}\n{END}{after}"
