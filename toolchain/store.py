"""A directory of finished things: each appears whole or not at all, and is built once."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

__all__ = ["Progress", "Store", "digest", "quiet"]

Progress = Callable[[str], None]
"""Takes short lines for a person to read."""

_UNFINISHED = ".unfinished-"
_KEY = 12
"""Hexadecimal digits of a key."""


def quiet(line: str) -> None:
    """A progress that nobody reads."""


def digest(root: Path, files: Iterable[Path], *facts: str) -> str:
    """A key made of `facts` and of the names (from `root`) and contents of `files`."""
    seen = hashlib.sha256()
    for fact in facts:
        seen.update(f"{len(fact)}:{fact}".encode())
    for path in sorted(files):
        name, data = path.relative_to(root).as_posix().encode(), path.read_bytes()
        seen.update(b"%d:%d:" % (len(name), len(data)) + name + data)
    return seen.hexdigest()[:_KEY]


class Store:
    """Finished directories below `root`; what an interrupted build left is swept by the next."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def find(self, name: str) -> Path | None:
        """The finished directory called `name`."""
        path = self.root / name
        return path if path.is_dir() else None

    def ensure(self, name: str, build: Callable[[Path], None], progress: Progress = quiet) -> Path:
        """The directory called `name`, filled by `build` if it is not there yet.

        Safe between processes: one builds, the others wait for it.
        """
        if finished := self.find(name):
            return finished
        with self.locked(progress):
            if finished := self.find(name):
                return finished
            for left in self.root.glob(f"{_UNFINISHED}*"):
                shutil.rmtree(left)
            unfinished = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=self.root))
            try:
                unfinished.chmod(0o755)
                build(unfinished)
                return unfinished.rename(self.root / name)
            finally:
                if unfinished.exists():
                    shutil.rmtree(unfinished)

    @contextlib.contextmanager
    def locked(self, progress: Progress = quiet) -> Iterator[None]:
        """Holds the store's lock, which ends with the process that holds it."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                progress(f"waiting for another process that builds in {self.root}")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield
