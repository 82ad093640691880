"""YAML 1.2 as it is read: types, refusals, positions."""

from __future__ import annotations

import math

import pytest

from topology.diagnostics import Code, Subject
from topology.source import MAX_DEPTH, Source, SourceError


def plain(text: str) -> object:
    value, diagnostics = Source("t.yaml", text).plain()
    assert not diagnostics
    return value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("52:54:00:12:34:56", "52:54:00:12:34:56"),
        ("12:30:45", "12:30:45"),
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        ("017", 17),
        ("0o17", 15),
        ("0x1F", 31),
        ("-7", -7),
        ("+7", 7),
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("True", True),
        ("tRUE", "tRUE"),
        ("false", False),
        ("null", None),
        ("~", None),
        ("nuLL", "nuLL"),
        ("", None),
        ('""', ""),
        ("'1'", "1"),
        ("!!str 1", "1"),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1.", 1.0),
        ("1e3", 1000.0),
        ("1.2.3.4", "1.2.3.4"),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("2001-01-01", "2001-01-01"),
        ("=", "="),
    ],
)
def test_core_schema(text: str, value: object) -> None:
    assert plain(f"a: {text}") == {"a": value}
    assert type(plain(f"a: {text}")["a"]) is type(value)  # type: ignore[index]


def test_not_a_number() -> None:
    value = plain("a: .nan")
    assert isinstance(value, dict)
    assert math.isnan(value["a"])


def test_keys_are_text_as_written() -> None:
    assert plain("{no: 1, 1: 2, 0x10: 3, ~: 4, true: 5}") == {
        "no": 1,
        "1": 2,
        "0x10": 3,
        "~": 4,
        "true": 5,
    }


def test_aliases_are_followed() -> None:
    assert plain("a: &x [1]\nb: *x") == {"a": [1], "b": [1]}


@pytest.mark.parametrize("text", ["[", "- ", "{a: ", "? ", "!!seq [", "&a [*a, "])
def test_depth_never_reaches_the_parser_s_stack(text: str) -> None:
    with pytest.raises(SourceError):
        Source("t.yaml", text * 200_000).plain()


def test_depth_up_to_the_limit_is_read() -> None:
    Source("t.yaml", "[" * MAX_DEPTH + "]" * MAX_DEPTH)
    with pytest.raises(SourceError) as refused:
        Source("t.yaml", "[" * (MAX_DEPTH + 2) + "]" * (MAX_DEPTH + 2))
    assert refused.value.diagnostic.code is Code.TOO_DEEP


def test_numbers_of_any_length_are_refused_quickly() -> None:
    _, diagnostics = Source("t.yaml", "a: " + "9" * 1_000_000).plain()
    assert [d.code for d in diagnostics] == [Code.BAD_VALUE]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_positions_count_characters(end: str) -> None:
    source = Source("t.yaml", end.join(["é: 1", "nodes:", "  wéb: {kind: x, list: [1, 2]}"]))
    at = source.locate(Subject(("nodes", "wéb", "list", 1))).position
    assert at is not None
    assert (at.line, at.column, at.length, at.text[at.column - 1]) == (3, 28, 1, "2")
    key = source.locate(Subject(("nodes", "wéb"), on_key=True)).position
    assert key is not None
    assert (key.line, key.column, key.length) == (3, 3, 3)


def test_what_the_file_leaves_out_is_skipped_in_a_path() -> None:
    source = Source("t.yaml", "nodes: {web: {interfaces: {inner: [192.0.2.1]}}}")
    path = ("nodes", "web", "web", "interfaces", "inner", "addresses", 0)
    assert source.locate(Subject(path)).path == ("nodes", "web", "interfaces", "inner", 0)


def test_the_empty_source_has_a_position() -> None:
    position = Source("t.yaml", "").locate(Subject(("name",))).position
    assert position is not None
    assert position.line == 1
