"""Hearing what crosses a lab's bridges, while something else goes on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from queue import Queue
from threading import Thread
from typing import IO

from tests.support.deployed import Lab
from tests.support.golden import PROJECT

__all__ = ["listening"]


@contextmanager
def listening(lab: Lab, bridges: Sequence[str]) -> Iterator[Queue[str]]:
    """The lines of a listener on the bridges, while the block lasts."""
    command = [sys.executable, "-m", "tests.support.wire", "listen", *bridges]
    with subprocess.Popen(
        lab.surroundings.command(command),
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None
        assert stdout is not None
        lines: Queue[str] = Queue()
        reader = Thread(target=_read, args=(stdout, lines))
        reader.start()
        try:
            assert lines.get(timeout=30) == "ready\n"
            yield lines
        finally:
            stdin.close()
            process.wait(timeout=30)
            reader.join()


def _read(stream: IO[str], lines: Queue[str]) -> None:
    for line in stream:
        lines.put(line)
