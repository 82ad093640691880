"""Versions as tools print them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolchain.errors import ToolchainError
from toolchain.versions import Version, ask

NUMBER = st.integers(0, 10_000)
VERSIONS = st.builds(Version, NUMBER, NUMBER, NUMBER)


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("go version go1.19.8 linux/amd64", Version(1, 19, 8)),
        ("go version go1.27rc1 linux/amd64", Version(1, 27)),
        ("rustc 1.96.0 (ac68faa20 2026-04-14) (built from a source tarball)", Version(1, 96)),
        ("v3.259.0\n", Version(3, 259)),
        ("v3.260.1-dev.0", Version(3, 260, 1)),
    ],
)
def test_what_tools_print(said: str, version: Version) -> None:
    assert Version.parse(said) == version


@given(VERSIONS, VERSIONS)
def test_order_is_that_of_the_numbers(one: Version, other: Version) -> None:
    assert Version.parse(str(one)) == one
    numbers = [(it.major, it.minor, it.patch) for it in (one, other)]
    assert (one < other) == (numbers[0] < numbers[1])


def test_no_version_is_an_error() -> None:
    with pytest.raises(ValueError, match="no version in"):
        Version.parse("command not found")


@pytest.mark.parametrize("script", ["exit 3", "echo nothing"])
def test_a_tool_that_does_not_say_is_named(tmp_path: Path, script: str) -> None:
    tool = tmp_path / "tool"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    with pytest.raises(ToolchainError, match=str(tool)):
        ask(tool, "version")
