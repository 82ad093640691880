"""Golden diffs: what is said of edits that a person makes, in every format."""

from __future__ import annotations

import pytest

from tests.support.edits import EDITS, IMAGES, Edit, sides, today
from tests.support.golden import TESTS, check_golden
from topology.cli.diff import Format
from topology.cli.views.diff import diff_in
from topology.diff.types import Diff
from topology.sides.compare import Choices, compare

GOLDEN = TESTS / "golden" / "diff"
SUFFIXES = {Format.TEXT: "txt", Format.MARKDOWN: "md", Format.HTML: "html", Format.JSON: "json"}


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)
def test_golden_diff(edit: Edit) -> None:
    old, new = sides(edit)
    diff = compare(old, new, Choices(), IMAGES.get(edit.name, today))
    assert isinstance(diff, Diff)
    for form, suffix in SUFFIXES.items():
        text = diff_in(diff, form, (old.view, new.view))
        check_golden(GOLDEN / f"{edit.name}.{suffix}", text)


def test_there_is_a_golden_diff_for_every_file() -> None:
    names = {edit.name for edit in EDITS}
    assert len(names) == len(EDITS) >= 30
    assert {path.stem for path in GOLDEN.iterdir()} == names
