"""Running what fetches and builds."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from toolchain.errors import ToolchainError

__all__ = ["follow", "run"]

_KEPT: Final = 2000
"""Characters of a failed command's output that its error carries."""

_MORTAL: Final = ("setpriv", "--pdeathsig", "KILL", "--")
"""A build that outlives whoever waits for it would write where the next one cleans up."""


def run(
    command: Sequence[str],
    *,
    directory: Path | None = None,
    environment: Mapping[str, str] | None = None,
    hint: str = "",
) -> str:
    """What `command` prints; raises `ToolchainError`, with `hint`, if it fails."""
    try:
        done = subprocess.run(
            [*_MORTAL, *command],
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
    except OSError as error:
        raise ToolchainError(f"{command[0]} does not start: {error}", hint=hint) from error
    if done.returncode != 0:
        raise _failed(command, done.stdout + done.stderr, hint)
    return done.stdout


def follow(
    command: Sequence[str],
    said: Callable[[str], None],
    *,
    directory: Path,
    environment: Mapping[str, str],
    hint: str = "",
) -> None:
    """Runs `command` and tells `said` each line of its standard error as it comes.

    Raises `ToolchainError`, with `hint`, if it fails.
    """
    lines: list[str] = []
    with subprocess.Popen(
        [*_MORTAL, *command],
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stderr is not None
            for line in process.stderr:
                lines.append(line)
                said(line)
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0:
        raise _failed(command, "".join(lines), hint)


def _failed(command: Sequence[str], said: str, hint: str) -> ToolchainError:
    shown = " ".join(command[:5]) + (" …" if len(command) > 5 else "")
    return ToolchainError(f"{shown} failed", hint=hint, log=said[-_KEPT:].strip())
