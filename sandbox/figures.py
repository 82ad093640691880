"""The figures that `lab up` prints: sizes, times, and where the time went."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from . import table

__all__ = ["Consoles", "Figure", "describe"]

POLL = 0.002
EXPLAINED = (
    "ready and first reply count from the creation of the node's console; blank for nodes that "
    "were there before"
)
READY = b'"event":"ready"'


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured of a node: seconds from its console's birth, where it was born just now.

    `ready_seconds` is when it said "ready", `reply_seconds` when it first replied on its segment.
    """

    node: str
    kind: str
    image_bytes: int | None
    memory_mib: int | None
    ready_seconds: float | None
    reply_seconds: float | None


class Consoles:
    """Watches a directory of console logs: when each appeared and when its guest was ready.

    A log is born when libvirt creates the domain. Times are those of this watch, which looks every
    2 ms; it never touches a guest.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._known = {path.name for path in directory.iterdir()} if directory.exists() else set()
        self._born: dict[str, float] = {}
        self._ready: dict[str, float] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Consoles:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()
        self._look()

    def ready(self, console: Path) -> float | None:
        """Return the seconds from a log's birth to its "ready", or `None` if not seen."""
        return self.since(console, self._ready.get(console.name))

    def since(self, console: Path, moment: float | None) -> float | None:
        """Return the seconds from a log's birth to a moment, or `None` without either."""
        born = self._born.get(console.name)
        return moment - born if born is not None and moment is not None else None

    def _watch(self) -> None:
        while not self._over.wait(POLL):
            self._look()

    def _look(self) -> None:
        now = time.monotonic()
        try:
            for path in self._directory.iterdir():
                if path.name in self._known or path.name in self._ready:
                    continue
                self._born.setdefault(path.name, now)
                if READY in path.read_bytes():
                    self._ready[path.name] = time.monotonic()
        except OSError:
            return  # a log that went away while it was looked at


def describe(
    stack: str, figures: tuple[Figure, ...], up_seconds: float, timings: Mapping[str, float]
) -> str:
    """Return the figures for people."""
    rows = [
        [
            figure.node,
            figure.kind,
            "" if figure.image_bytes is None else str(figure.image_bytes),
            "" if figure.memory_mib is None else str(figure.memory_mib),
            _milliseconds(figure.ready_seconds),
            _milliseconds(figure.reply_seconds),
        ]
        for figure in figures
    ]
    header = ["node", "kind", "image bytes", "memory MiB", "ready ms", "first reply ms"]
    parts = [[name, f"{seconds:.2f}"] for name, seconds in timings.items()]
    parts.append([f"pulumi up --stack {stack}", f"{up_seconds:.2f}"])
    lines = [table.render(header, rows), EXPLAINED] if rows else []
    return "\n\n".join([*lines, table.render(["part", "seconds"], parts)])


def _milliseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1000:.0f}"
