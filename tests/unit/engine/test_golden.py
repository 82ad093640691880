"""Golden topologies and golden mistakes: what files resolve to, and what is said of bad ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.golden import PROJECT, TESTS, check_golden
from topology.cli.views.human import render_diagnostic
from topology.cli.views.json import topology_document
from topology.diagnostics import Code
from topology.pipeline import resolve_file

ERRORS = TESTS / "errors"
GOLDEN = TESTS / "golden" / "topology"
VALID = [
    PROJECT / "poc.yaml",
    *sorted((PROJECT / "examples").glob("*.yaml")),
    *sorted(GOLDEN.glob("*.yaml")),
]


@pytest.mark.parametrize("file", VALID, ids=lambda path: path.stem)
def test_golden_topology(file: Path) -> None:
    resolved, diagnostics = resolve_file(file)
    assert not diagnostics
    assert resolved is not None
    text = json.dumps(topology_document(resolved), indent=2, sort_keys=True, ensure_ascii=False)
    check_golden(GOLDEN / f"{file.stem}.json", text + "\n")


@pytest.mark.parametrize("file", sorted(ERRORS.glob("*.yaml")), ids=lambda path: path.stem)
def test_golden_errors(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ERRORS)
    _, diagnostics = resolve_file(file.name)
    assert diagnostics, "an error case that is valid"
    text = "\n".join(render_diagnostic(diagnostic).plain for diagnostic in diagnostics)
    check_golden(file.with_suffix(".txt"), text)


def test_every_code_has_a_golden_error() -> None:
    texts = "".join(path.read_text() for path in ERRORS.glob("*.txt"))
    # What `test_diagnostics_doc` says of each: no file in a repository shows it.
    elsewhere = {
        Code.UNREADABLE,
        Code.TOO_LARGE,
        Code.CONTENT_TOO_LARGE,
        Code.TOO_MANY_INTERFACES,
        Code.TOO_LITTLE_MEMORY,
        Code.STATEMENT_BROKEN,
        Code.SINGLE_POINT_OF_FAILURE,
        Code.HOST_PREFIX,
    }
    assert {code for code in Code if code not in texts} == elsewhere
