"""Golden files: what was printed before is what is printed now, or the file is written anew."""

from __future__ import annotations

import os
from pathlib import Path

TESTS = Path(__file__).parents[1]
PROJECT = TESTS.parent


def check_golden(path: Path, text: str) -> None:
    """Compares with the golden file; `python -m tests.regenerate` writes it instead."""
    if os.environ.get("REGENERATE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.exists(), f"{path} is missing: python -m tests.regenerate"
    assert text == path.read_text(encoding="utf-8"), f"{path} differs"
