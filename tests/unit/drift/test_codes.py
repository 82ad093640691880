"""Every code is explained, and nothing else is."""

from __future__ import annotations

from tests.support.golden import PROJECT
from topology.drift.types import MEANINGS, Code


def test_every_code_has_a_meaning_and_stands_in_the_documentation() -> None:
    assert list(MEANINGS) == list(Code)
    page = (PROJECT / "docs" / "drift.md").read_text()
    for code, meaning in MEANINGS.items():
        assert f"| `{code.value}` | {meaning} |" in page
