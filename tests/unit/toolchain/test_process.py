"""Commands that fail say why, and none outlives who waits for it."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from pathlib import Path

import pytest

from toolchain import process
from toolchain.errors import ToolchainError

ROOT = Path(__file__).parents[3]
PATIENCE = 30.0
"""Seconds in which a killed process has long ended."""


def test_what_a_command_prints(tmp_path: Path) -> None:
    assert process.run(["pwd"], directory=tmp_path) == f"{tmp_path}\n"


def test_a_failure_carries_what_was_said_last() -> None:
    with pytest.raises(ToolchainError, match=r"sh -c .* failed") as caught:
        process.run(["sh", "-c", "echo why >&2; exit 1"], hint="do this")
    assert (caught.value.log, caught.value.hint) == ("why", "do this")


def test_a_command_that_is_not_there_is_named() -> None:
    with pytest.raises(ToolchainError, match="no-such-command"):
        process.run(["no-such-command"])


def test_lines_are_told_as_they_come(tmp_path: Path) -> None:
    said: list[str] = []
    script = "for word in one two; do echo $word >&2; done; exit $STATUS"
    command = ["sh", "-c", script]
    process.follow(command, said.append, directory=tmp_path, environment={"STATUS": "0"})
    assert said == ["one\n", "two\n"]
    with pytest.raises(ToolchainError) as caught:
        process.follow(command, said.append, directory=tmp_path, environment={"STATUS": "1"})
    assert caught.value.log == "one\ntwo"


WAITING = """
import os, pathlib, sys
from toolchain import process
process.follow(
    ["sh", "-c", "echo $$ >&2; exec sleep 600"],
    lambda line: print(line, end="", flush=True),
    directory=pathlib.Path("."),
    environment=dict(os.environ),
)
"""


def test_a_command_ends_with_who_waits_for_it() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WAITING], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as waiting:
        assert waiting.stdout is not None
        command = os.pidfd_open(int(waiting.stdout.readline()))
        waiting.kill()
    try:
        ended, _, _ = select.select([command], [], [], PATIENCE)
        assert ended
    finally:
        os.close(command)
