"""Progress lines on standard error, each with the seconds since the command began."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator

__all__ = ["Progress"]

HEARTBEAT = 15.0


class Progress:
    """Says what is being done; call it with a line."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self.timings: dict[str, float] = {}

    def __call__(self, text: str) -> None:
        """Print a line."""
        elapsed = time.monotonic() - self._start
        print(f"[{elapsed:6.1f} s] {text}", file=sys.stderr, flush=True)

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step under `name`; while it is silent, say now and then that it still goes on."""
        begin = time.monotonic()
        over = threading.Event()

        def beat() -> None:
            while not over.wait(HEARTBEAT):
                self(f"{name}: still at it after {time.monotonic() - begin:.0f} s")

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            self.timings[name] = time.monotonic() - begin
