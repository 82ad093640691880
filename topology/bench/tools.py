"""The programs that load and those that are compared with, found or unpacked on demand."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from topology.bench.errors import BenchError
from topology.image.store import Store

__all__ = ["provide"]


def provide(root: Path, say: Callable[[str], None] = lambda _: None) -> None:
    """Puts what benchmarks run on this process's PATH; what is missing is fetched first.

    `root` is the project, whose toolchain does so, in the cache that holds the images, too.
    Raises `BenchError`.
    """
    cache = Store.default().root.parent
    say("finding the programs that load")
    command = [sys.executable, "-m", "toolchain.bench", str(cache)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    if done.returncode != 0:
        raise BenchError(f"the programs that load are not there: {done.stderr.strip()}")
    found = [line for line in done.stdout.splitlines() if line]
    have = os.environ.get("PATH", os.defpath).split(os.pathsep)
    os.environ["PATH"] = os.pathsep.join([*(f for f in found if f not in have), *have])
