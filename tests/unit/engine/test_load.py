"""Reading files: whatever they are, the answer is a topology or diagnostics."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.golden import PROJECT, TESTS
from topology.diagnostics import Code, Diagnostics
from topology.load import MAX_BYTES, load_file, load_text
from topology.mistakes import NOT_SUPPORTED
from topology.pipeline import resolve_file, resolve_topology
from topology.source import Plain, Source

POC = (PROJECT / "poc.yaml").read_text()


def poc_document() -> dict[str, Plain]:
    plain, _ = Source("poc.yaml", POC).plain()
    assert isinstance(plain, dict)
    return plain


def codes(diagnostics: Diagnostics) -> list[Code]:
    return [d.code for d in diagnostics]


def test_missing_file(tmp_path: Path) -> None:
    loaded = load_file(tmp_path / "none.yaml")
    assert codes(loaded.diagnostics) == [Code.UNREADABLE]
    assert "none.yaml" in str(loaded.diagnostics[0])


def test_directory_and_device(tmp_path: Path) -> None:
    assert codes(load_file(tmp_path).diagnostics) == [Code.UNREADABLE]
    assert codes(load_file("/dev/zero").diagnostics) == [Code.UNREADABLE]
    os.mkfifo(tmp_path / "pipe")
    assert codes(load_file(tmp_path / "pipe").diagnostics) == [Code.UNREADABLE]


def test_name_that_no_file_can_have() -> None:
    assert codes(load_file("a\0b").diagnostics) == [Code.UNREADABLE]
    assert codes(load_file("x" * 5000).diagnostics) == [Code.UNREADABLE]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_file_without_permission(tmp_path: Path) -> None:
    file = tmp_path / "secret.yaml"
    file.write_text("version: 1")
    file.chmod(0)
    assert codes(load_file(file).diagnostics) == [Code.UNREADABLE]


def test_large_file(tmp_path: Path) -> None:
    file = tmp_path / "large.yaml"
    with file.open("wb") as opened:
        opened.truncate(100 * 1024 * 1024)
    assert codes(load_file(file).diagnostics) == [Code.TOO_LARGE]
    assert MAX_BYTES < 100 * 1024 * 1024


def test_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "bom.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + POC.replace(", content: content/web", "").encode())
    assert load_file(file).topology is not None


def test_order_of_the_file_means_nothing() -> None:
    first = load_text(POC).topology
    lines = POC.splitlines()
    web = next(i for i, line in enumerate(lines) if line.startswith("  web:"))
    dns = next(i for i, line in enumerate(lines) if line.startswith("  dns:\n") or line == "  dns:")
    moved = [*lines[:web], *lines[dns : dns + 6], *lines[web:dns], *lines[dns + 6 :]]
    second = load_text("\n".join(moved)).topology
    assert first is not None
    assert second is not None
    assert list(first.nodes) != list(second.nodes)
    assert resolve_topology(first, PROJECT)[0] == resolve_topology(second, PROJECT)[0]


def test_unsupported_keys_have_their_own_code() -> None:
    for key in NOT_SUPPORTED:
        diagnostics = load_text(
            POC.replace("policy: edge", f"policy: edge\n    {key}: x")
        ).diagnostics
        assert codes(diagnostics) == [Code.NOT_SUPPORTED], key


def test_ten_thousand_mistakes_are_all_told() -> None:
    nodes = "".join(f"  n{i}: {{kind: web, interfacs: [x]}}\n" for i in range(5000))
    text = "version: 1\nname: many\nsegments: {s: {prefixes: [10.0.0.0/8]}}\nnodes:\n" + nodes
    assert len(load_text(text).diagnostics) == 10_000


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["any", "web", "192.0.2.1", "tcp/80", "2001:db8::/64"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["nodes", "segments", "kind", "interfaces", "prefixes", "routes", "x"])
            | st.text(max_size=4),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.text())
@example("a: &a {b: *a}")
@example("%YAML 9.9\n---\na")
@example("\ud7ff: \ue000")
@example("? ? ? ?")
@example("!<tag:yaml.org,2002:map> x")
@example("- - !!map []")
@settings(max_examples=300, deadline=None)
def test_any_text_is_answered(text: str) -> None:
    loaded = load_text(text)
    assert loaded.topology is not None or loaded.diagnostics


@given(JUNK, st.sampled_from(["services", "segments", "nodes", "policies", "statements", "name"]))
@settings(max_examples=300, deadline=None)
def test_any_document_is_answered(junk: object, key: str) -> None:
    # JSON is YAML, and quicker to write; what it escapes is text to both.
    loaded = load_text(json.dumps({**poc_document(), key: junk}))
    if loaded.topology is None:
        assert loaded.diagnostics
    else:
        resolve_topology(loaded.topology, PROJECT)
    for diagnostic in loaded.diagnostics:
        assert diagnostic.subject.position is not None
        assert str(diagnostic)


@given(st.integers(0, len(POC) - 1), st.integers(0, 40), st.text(max_size=6))
@settings(max_examples=400, deadline=None)
def test_any_edit_of_a_topology_is_answered(at: int, length: int, new: str) -> None:
    text = POC[:at] + new + POC[at + length :]
    loaded = load_text(text)
    if loaded.topology is not None:
        resolved, diagnostics = resolve_topology(loaded.topology, PROJECT)
        assert (resolved is not None) is diagnostics.ok
        for diagnostic in loaded.locate(diagnostics):
            assert diagnostic.subject.position is not None


@pytest.mark.parametrize("file", sorted((TESTS / "errors").glob("*.yaml")), ids=lambda p: p.stem)
def test_mistakes_are_at_a_line_of_the_file(file: Path) -> None:
    lines = len(file.read_bytes().splitlines())
    for diagnostic in resolve_file(file)[1]:
        position = diagnostic.subject.position
        assert position is not None
        assert 1 <= position.line <= lines + 1
