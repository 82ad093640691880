"""Foreign text made harmless where it is shown.

Names in a topology are tame; paths, revisions, texts of records and files' contents are not.
"""

from __future__ import annotations

import html
import re
import unicodedata

__all__ = ["code", "html_text", "mermaid_text", "plain"]

_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
_TAME = re.compile(r"[^A-Za-z0-9 .:/_,→-]")
_LONGEST = 400


def plain(text: str, longest: int = _LONGEST) -> str:
    """Text without what a terminal acts upon, or what reorders or hides the rest; bounded.

    >>> plain("a\\x1b[31mb\\nc")
    'a\ufffd[31mb\ufffdc'
    """
    cut = text if len(text) <= longest else text[:longest] + "…"
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) in _HIDDEN else c for c in cut
    )


def code(text: str) -> str:
    """Text as a code span of Markdown, in which nothing is markup; fit for a table's cell.

    A run of backticks is fenced by a longer one (CommonMark 0.31 section 6.1), a pipe is escaped
    as tables want it (GFM section 4.10).

    >>> code("a|b"), code("`x`"), code("")
    ('`a\\\\|b`', '`` `x` ``', '')
    """
    if not text:
        return ""
    shown = plain(text).replace("|", "\\|")
    runs = [len(run) for run in re.findall(r"`+", shown)]
    fence = "`" * (max(runs, default=0) + 1)
    # A backslash before a pipe is the table's; at the end it would be too.
    edge = " " if shown[0] in "` " or shown[-1] in "` \\" else ""
    return f"{fence}{edge}{shown}{edge}{fence}"


def html_text(text: str, longest: int = _LONGEST) -> str:
    """Text as HTML, in content or in a quoted attribute."""
    return html.escape(plain(text, longest), quote=True)


def mermaid_text(text: str) -> str:
    """Text in a quoted label of Mermaid, which has codes of its own for what is not tame.

    >>> mermaid_text('a"b')
    'a#34;b'
    """
    return _TAME.sub(lambda match: f"#{ord(match[0])};", plain(text))
