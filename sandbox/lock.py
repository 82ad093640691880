"""One command at a time changes a lab; the lock says which."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from .errors import Busy

__all__ = ["hold", "holder"]

PATIENCE = 1800.0  # a cold toolchain build by another command takes minutes
POLL = 0.1


@contextlib.contextmanager
def hold(
    path: Path, command: str, waiting: Callable[[str], None], patience: float = PATIENCE
) -> Iterator[None]:
    """Hold the lock, first waiting up to `patience` seconds for it.

    `waiting` is told once who holds it. The kernel frees the lock when its holder dies.
    Raises Busy.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        _take(handle, path, waiting, patience)
        text = json.dumps({"command": command, "pid": os.getpid()})
        os.ftruncate(handle, 0)
        os.pwrite(handle, text.encode(), 0)
        yield
        os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def _take(handle: int, path: Path, waiting: Callable[[str], None], patience: float) -> None:
    deadline = time.monotonic() + patience
    told = False
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if not told:
                waiting(holder(path))
                told = True
            if time.monotonic() > deadline:
                raise Busy(
                    f"{holder(path)} has held the lab for {patience:.0f} s",
                    hint="wait for it, or end that process",
                ) from None
            time.sleep(POLL)


def holder(path: Path) -> str:
    """Return who holds the lock, in words."""
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
        return f"`lab {written['command']}` (process {written['pid']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another `lab` command"
