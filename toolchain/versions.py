"""Versions of tools: parsed from what they print, and compared."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from toolchain.errors import ToolchainError

__all__ = ["Version", "ask"]

_NUMBERS = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")
_PATIENCE = 20.0
"""Seconds that a tool may take to say its version."""


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """Three numbers; what follows them (pre-releases, distributions' suffixes) is left out.

    >>> Version.parse("go version go1.26.7 linux/amd64")
    Version(major=1, minor=26, patch=7)
    >>> str(Version.parse("rustc 1.96")), Version.parse("v3.9.0") < Version.parse("v3.10.0")
    ('1.96.0', True)
    """

    major: int
    minor: int
    patch: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """The first version in `text`; raises `ValueError` if there is none."""
        found = _NUMBERS.search(text)
        if found is None:
            raise ValueError(f"no version in {text!r}")
        return cls(*(int(number or 0) for number in found.groups()))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


def ask(command: Path, *arguments: str, environment: dict[str, str] | None = None) -> Version:
    """The version that `command` prints; raises `ToolchainError` if it prints none."""
    line: Sequence[str] = (str(command), *arguments)
    try:
        said = subprocess.run(
            line,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
            timeout=_PATIENCE,
            env=environment,
        ).stdout
        return Version.parse(said)
    except subprocess.CalledProcessError as error:
        raise ToolchainError(f"{' '.join(line)} failed", log=error.stderr or "") from error
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        raise ToolchainError(f"{' '.join(line)} does not say its version: {error}") from error
