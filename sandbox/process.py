"""Running programs, and functions, as the lab's owner."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn, TypeAlias, TypedDict

from .errors import LabError
from .paths import Owner

__all__ = ["SYSTEM_PATH", "Json", "capture", "owned", "run"]

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


class _Identity(TypedDict, total=False):
    """The arguments of subprocess.run that make a child another's."""

    user: int
    group: int
    extra_groups: list[int]


def _identity(owner: Owner | None) -> _Identity:
    if owner is None or os.geteuid() != 0 or owner.is_root:
        return {}
    return {"user": owner.uid, "group": owner.gid, "extra_groups": _groups(owner)}


def _groups(owner: Owner) -> list[int]:
    """Return the owner's groups, so that /dev/kvm and the like stay open to them."""
    try:
        return os.getgrouplist(owner.name, owner.gid)
    except (KeyError, OSError):
        return [owner.gid]


def run(
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str],
    cwd: Path,
    owner: Owner | None = None,
    quiet: bool = False,
) -> int:
    """Run a command on the terminal and return its exit code; `quiet` sends its output to stderr.

    An interrupt from the keyboard reaches the command, too: it is given the time to end by itself.
    Raises LabError if it cannot be started.
    """
    try:
        process = subprocess.Popen(
            [str(part) for part in command],
            env=dict(environment),
            cwd=cwd,
            stdout=sys.stderr if quiet else None,
            **_identity(owner),
        )
    except OSError as error:
        raise LabError(f"{command[0]} could not be run: {error}") from error
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.wait()
        raise


def capture(
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    owner: Owner | None = None,
    seconds: float = 120.0,
    quiet: bool = True,
) -> subprocess.CompletedProcess[str]:
    """Run a command and return what it said; raises LabError if it cannot, or takes too long.

    Unless `quiet`, its standard error goes to the terminal.
    """
    environment = environment or {"LANG": "C.UTF-8", "PATH": SYSTEM_PATH}
    try:
        return subprocess.run(
            [str(part) for part in command],
            env=dict(environment),
            cwd=cwd,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if quiet else None,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=seconds,
            check=False,
            **_identity(owner),
        )
    except subprocess.TimeoutExpired as error:
        raise LabError(f"{command[0]} took longer than {seconds:.0f} s") from error
    except OSError as error:
        raise LabError(f"{command[0]} could not be run: {error}") from error


def owned(owner: Owner, function: Callable[[], Json]) -> Json:
    """Return what a function returns, run with the owner's identity, so that files are theirs.

    What comes back is read as JSON and never trusted further. Raises LabError.
    """
    if os.geteuid() != 0 or owner.is_root:
        return function()
    reader, writer = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        _owned_child(owner, function, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        answer = stream.read()
    os.waitpid(child, 0)
    if not answer:
        raise LabError(f"a step that ran as {owner.name} was killed")
    said = json.loads(answer)
    if "error" in said:
        raise LabError(said["error"], hint=said["hint"], log=said["log"])
    value: Json = said["value"]
    return value


def _owned_child(owner: Owner, function: Callable[[], Json], writer: int) -> NoReturn:
    try:
        os.setgroups(_groups(owner))
        os.setresgid(owner.gid, owner.gid, owner.gid)
        os.setresuid(owner.uid, owner.uid, owner.uid)
        os.environ.update(HOME=str(owner.home), USER=owner.name, LOGNAME=owner.name)
        os.umask(0o022)
        said: dict[str, Json] = {"value": function()}
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent raises it
        said = {
            "error": str(error) or type(error).__name__,
            "hint": getattr(error, "hint", ""),
            "log": getattr(error, "log", ""),
        }
    with os.fdopen(writer, "wb") as stream:
        stream.write(json.dumps(said).encode())
    os._exit(0)
