"""Rust, which builds the images: the one on PATH, if it is new enough."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from toolchain.errors import ToolchainError
from toolchain.versions import Version, ask

__all__ = ["Rust", "find", "oldest"]

_WORKSPACE: Final = Path(__file__).parent.parent / "Cargo.toml"


@dataclass(frozen=True, slots=True)
class Rust:
    """A Rust that builds the workspace."""

    cargo: Path
    rustc: Path
    version: Version


def oldest() -> Version:
    """The oldest Rust that builds the workspace (`rust-version` in Cargo.toml)."""
    text = _WORKSPACE.read_text(encoding="utf-8")
    found = re.search(r'^rust-version = "([^"]+)"', text, re.MULTILINE)
    if found is None:
        raise ToolchainError(f"{_WORKSPACE} has no rust-version")
    return Version.parse(found[1])


def find() -> Rust | None:
    """The Rust on PATH, if cargo and rustc are there and new enough; runs `rustc --version`."""
    cargo, rustc = shutil.which("cargo"), shutil.which("rustc")
    if cargo is None or rustc is None:
        return None
    version = ask(Path(rustc), "--version")
    return Rust(Path(cargo), Path(rustc), version) if version >= oldest() else None
