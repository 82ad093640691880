"""Configuration documents as local files, since the provider uploads nothing else."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from topology.image import ImageError, Store

__all__ = ["local_document"]


def local_document(content: bytes, store: Store | None = None) -> Path:
    """A file with this content, named by it, beside the images; written once.

    Raises `ImageError` where the store cannot be written.
    """
    folder = (store or Store.default()).root / "documents"
    path = folder / f"{hashlib.sha256(content).hexdigest()}.json"
    try:
        if path.is_file() and path.read_bytes() == content:
            return path
        folder.mkdir(parents=True, exist_ok=True)
        handle, fresh = tempfile.mkstemp(dir=folder)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            Path(fresh).chmod(0o444)
            Path(fresh).replace(path)
        except BaseException:
            Path(fresh).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ImageError(
            f"the image store {folder} cannot be written: {error.strerror or error}",
            hint="free or grant the space, or set TOPOLOGY_IMAGES to another folder",
        ) from error
    return path
