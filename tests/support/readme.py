"""The change that the README walks through, made as its reader would make it."""

from __future__ import annotations

import re
from textwrap import dedent

from tests.support.golden import PROJECT
from topology.sides.read import Side, text_side

__all__ = ["README", "excerpt_of", "readme_change", "with_excerpt"]

README = PROJECT / "README.md"

_BEGIN, _END = "<!-- the comment, by tests.regenerate -->\n", "<!-- end of the comment -->\n"
_KEY = re.compile(r"^\s*(- \{name: )?([\w.-]+)")
# Where a reader puts a line that has no other of its key: after this one.
_AFTER = {
    "web2": "    content: content/web\n",
    "web2-in": "      - {name: web-in, permit: http, from: outside, to: web}\n",
    "second-page-is-public": "  page-is-public: {reach: http, from: outside, to: web}\n",
}


def readme_change() -> tuple[Side, Side]:
    """The proof of concept before and after the blocks under "Ten minutes"."""
    old = (PROJECT / "poc.yaml").read_text()
    part = README.read_text().split("## Ten minutes")[1].split("\n## ")[0]
    new = old
    for block in re.findall(r"^ *```yaml\n(.*?)^ *```", part, re.DOTALL | re.MULTILINE):
        for line in dedent(block).splitlines(keepends=True):
            new = _with_line(new, line)
    return text_side(old, "main:poc.yaml", PROJECT), text_side(new, "poc.yaml", PROJECT)


def _with_line(text: str, line: str) -> str:
    found = _KEY.match(line)
    assert found is not None, line
    anchor = _AFTER.get(found[2])
    known = re.search(rf"^( +){re.escape(found[2])}:.*\n", text, re.MULTILINE)
    if anchor is None:
        assert known is not None, line
        return text.replace(known[0], known[1] + line.strip() + "\n")
    assert text.count(anchor) == 1, anchor
    indent = "      " if found[1] else "  "
    return text.replace(anchor, anchor + indent + line.strip() + "\n")


def excerpt_of(comment: str) -> str:
    """The beginning of a comment: what opens and closes."""
    shown = comment.split("<details>", maxsplit=1)[0].strip().splitlines()[1:]
    return "\n".join(f"> {line}".rstrip() for line in shown) + "\n"


def with_excerpt(text: str, excerpt: str) -> str:
    """The README with this excerpt in its place."""
    head, rest = text.split(_BEGIN)
    _, tail = rest.split(_END)
    return f"{head}{_BEGIN}{excerpt}{_END}{tail}"
