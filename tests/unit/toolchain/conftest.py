"""Tools that only say their version, on a PATH of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Install = Callable[[str, str], Path]
"""Puts a command that prints a line on PATH."""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only directory on PATH; there is no Pulumi home either."""
    directory = tmp_path / "programs"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory))
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "pulumi"))
    return directory


@pytest.fixture
def install(programs: Path) -> Install:
    def put(name: str, said: str) -> Path:
        return script(programs / name, said)

    return put


def script(path: Path, said: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{said}'\n")
    path.chmod(0o755)
    return path
