"""The image store: files named by the SHA-256 of their bytes, and what each was built from.

    <root>/<digest>        an image, read-only
    <root>/index/<key>     the digest and size that the sources and tools of this key gave
    <root>/.build/         what builds work in: a copy of the sources, cargo's target folders
    <root>/.lock           held while images are built
    <root>/.new-*          half made; whoever builds next removes what is left of one

Every file appears under its name by a rename, whole or not at all.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from topology.image.errors import ImageError

_CHUNK = 1 << 20
_HALF_MADE = ".new-"


@dataclass(frozen=True, slots=True)
class Stored:
    """An image in the store: its digest in hexadecimal, its bytes, where it lies."""

    digest: str
    size: int
    path: Path


@dataclass(frozen=True, slots=True)
class Store:
    """A folder of images."""

    root: Path

    @classmethod
    def default(cls) -> Store:
        """`$TOPOLOGY_IMAGES`, else `topology/images` in the user's cache (XDG base directory)."""
        given = os.environ.get("TOPOLOGY_IMAGES")
        if given:
            return cls(Path(given).absolute())
        cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        return cls(Path(cache).absolute() / "topology" / "images")

    @property
    def workshop(self) -> Path:
        """The folder that builds work in; only under `lock`, and safe to delete."""
        return self.root / ".build"

    def find(self, key: str) -> Stored | None:
        """What this key gave before, if that image is still there and as long as it was."""
        try:
            entry = json.loads((self.root / "index" / key).read_bytes())
            stored = Stored(entry["digest"], entry["size"], self.root / entry["digest"])
            return stored if stored.path.stat().st_size == stored.size else None
        except (FileNotFoundError, KeyError, TypeError, ValueError):
            # Absent or unreadable, it is made anew.
            return None

    def intact(self, digest: str) -> bool:
        """Whether an image's bytes are still those that its name promises; reads them all."""
        try:
            with (self.root / digest).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == digest
        except FileNotFoundError:
            return False

    def discard(self, digest: str) -> None:
        """Removes an image, so that it is built anew when it is next wanted."""
        (self.root / digest).unlink(missing_ok=True)

    def add(self, source: Path, key: str) -> Stored:
        """Takes a copy of `source` in as what `key` gives; raises `ImageError` on a full disk."""
        with self._writing():
            handle, name = tempfile.mkstemp(prefix=_HALF_MADE, dir=self.root)
            fresh = Path(name)
            try:
                digest, size = _copy(source, handle)
                fresh.chmod(0o444)
                fresh.replace(self.root / digest)
            except BaseException:
                fresh.unlink(missing_ok=True)
                raise
            self._remember(key, digest, size)
        return Stored(digest, size, self.root / digest)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder to make an image in, gone afterwards; only under `lock`."""
        with self._writing():
            folder = Path(tempfile.mkdtemp(prefix=_HALF_MADE, dir=self.root))
        try:
            yield folder
        finally:
            shutil.rmtree(folder)

    @contextmanager
    def lock(self, waiting: Callable[[], None]) -> Iterator[None]:
        """Holds the store for a build; `waiting` is called when another process has it."""
        with self._writing():
            self.root.mkdir(parents=True, exist_ok=True)
            (self.root / "index").mkdir(exist_ok=True)
            file = (self.root / ".lock").open("a")
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                fcntl.flock(file, fcntl.LOCK_EX)
            self._sweep()
            yield

    def _remember(self, key: str, digest: str, size: int) -> None:
        handle, name = tempfile.mkstemp(prefix=_HALF_MADE, dir=self.root)
        try:
            with os.fdopen(handle, "w") as file:
                json.dump({"digest": digest, "size": size}, file)
            Path(name).chmod(0o444)
            Path(name).replace(self.root / "index" / key)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def _sweep(self) -> None:
        for left in self.root.glob(f"{_HALF_MADE}*"):
            if left.is_dir():
                shutil.rmtree(left)
            else:
                left.unlink()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ImageError(
                f"the image store {self.root} cannot be written: {error.strerror or error}",
                hint="free or grant the space, or set TOPOLOGY_IMAGES to another folder",
            ) from error


def _copy(source: Path, handle: int) -> tuple[str, int]:
    total, size = hashlib.sha256(), 0
    with source.open("rb") as old, os.fdopen(handle, "wb") as new:
        while chunk := old.read(_CHUNK):
            total.update(chunk)
            size += len(chunk)
            new.write(chunk)
        new.flush()
        os.fsync(new.fileno())
    return total.hexdigest(), size


__all__ = ["Store", "Stored"]
