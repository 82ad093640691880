"""Formats: foreign text is text, whatever it holds; comments are bounded; colours are optional."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.edits import EDITS, sides, today
from tests.support.grammar import base_document, side_of
from tests.support.hostile import HOSTILE, hostile
from topology.cli.diff import Format
from topology.cli.views.diff import diff_in
from topology.render.diff.escape import code, html_text, mermaid_text, plain
from topology.render.diff.markdown import LONGEST, diff_markdown, marker
from topology.render.diff.picture import picture
from topology.sides.compare import Choices, compare
from topology.sides.read import text_side


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        assert not [name for name, _ in attrs if name.startswith("on")]


OURS = {
    "body", "br", "code", "figure", "h1", "h2", "h3", "head", "html", "li", "meta", "ol", "p",
    "style", "table", "td", "th", "thead", "title", "tr", "ul",
    "circle", "g", "path", "polyline", "rect", "svg", "text", "tspan",
}  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_foreign_text_is_no_markup_in_html(text: str) -> None:
    old, new, diff = hostile(text)
    tags = _Tags()
    tags.feed(diff_in(diff, Format.HTML, (old.view, new.view)))
    assert tags.found <= OURS


@pytest.mark.parametrize("text", HOSTILE)
def test_foreign_text_stays_in_its_code_span(text: str) -> None:
    old, new, diff = hostile(text)
    comment = diff_in(diff, Format.MARKDOWN, (old.view, new.view))
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", comment)
    outside = re.sub(r"(`+)(?!`).+?(?<!`)\1(?!`)", "", comment.replace("```mermaid", ""))
    for sign in ("<script", "onerror", "@everyone", "javascript:", "**b**"):
        assert sign not in outside
    for line in comment.splitlines():
        if line.startswith("|"):
            assert line.endswith("|")


@pytest.mark.parametrize("text", HOSTILE)
def test_a_terminal_is_not_told_what_to_do(text: str) -> None:
    old, new, diff = hostile(text)
    said = diff_in(diff, Format.TEXT, (old.view, new.view))
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", said)


@pytest.mark.parametrize("text", HOSTILE)
def test_json_keeps_foreign_text_whole(text: str) -> None:
    old, new, diff = hostile(text)
    document = json.loads(diff_in(diff, Format.JSON, (old.view, new.view)))
    assert document["new"]["label"] == text


@given(st.text())
def test_any_text_is_tamed(text: str) -> None:
    for tamed in (plain(text), code(text), html_text(text), mermaid_text(text)):
        assert "\n" not in tamed
        assert "\x1b" not in tamed
    assert not set('<>"') & set(html_text(text))
    assert not set('<>"[]{}()`|\\') & set(mermaid_text(text))
    fences = re.findall(r"`+", code(text))
    if fences:
        # The fence is longer than every run inside it.
        assert fences[0] == fences[-1]
        assert all(len(run) != len(fences[0]) for run in fences[1:-1])


def test_a_comment_is_bounded_and_says_what_it_left_out() -> None:
    document = base_document()
    old = side_of(document, "old")
    for number in range(300):
        name = f"web-{number}"
        document["nodes"][name] = {"kind": "web", "interfaces": ["transit"]}
        document["nodes"]["dns"]["records"]["poc.example"][name] = name
    document["segments"]["transit"]["prefixes"][0] = "198.18.0.0/16"
    for node in ("firewall", "router"):
        document["nodes"][node]["interfaces"].pop("transit")
        document["nodes"][node]["interfaces"]["transit"] = None
    new = side_of(document, "new")
    diff = compare(old, new, Choices(), today)
    assert old.view is not None
    assert new.view is not None
    drawn = picture(diff, old.view, new.view)
    for longest in (LONGEST, 9_000, 2_000):
        comment = diff_markdown(diff, drawn, longest)
        assert len(comment) <= longest
        assert comment.startswith(marker("poc"))
        assert "more" in comment or "cut" in comment
    assert len(diff_markdown(diff, drawn)) > 9_000
    assert drawn.count("subgraph") <= 3
    assert drawn.count("web-") <= 41


def test_the_marker_is_one_comment_whatever_the_name() -> None:
    assert marker("a--><b>") == "<!-- topology-diff a--__b_ -->"


def test_without_colour_the_same_is_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from topology.cli.views.diff import print_diff

    old, new = sides(EDITS[0])
    diff = compare(old, new, Choices(), today)
    print_diff(diff, Format.TEXT, (old.view, new.view))
    piped = capsys.readouterr().out
    monkeypatch.setenv("NO_COLOR", "1")
    print_diff(diff, Format.TEXT, (old.view, new.view))
    assert capsys.readouterr().out == piped
    assert piped == diff_in(diff, Format.TEXT, (old.view, new.view))
    assert "\x1b" not in piped


def test_two_sides_that_cannot_be_read_are_still_told() -> None:
    bad, worse = text_side("}", "a", sides(EDITS[0])[0].path), text_side("", "b", EDITS_BASE)
    diff = compare(bad, worse, Choices(), today)
    for form in Format:
        assert diff_in(diff, form, (bad.view, worse.view))


EDITS_BASE = sides(EDITS[0])[0].path
