"""Published schemas: current, true of every example, and able to refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.edits import EDITS, IMAGES, Edit, sides, today
from tests.support.golden import PROJECT, TESTS, check_golden
from tests.support.schemas import mistakes
from topology.bench.record import record_schema
from topology.cli.main import run
from topology.drift.document import drift_schema
from topology.model.schema import topology_schema
from topology.render.diff.document import diff_document, diff_schema
from topology.sides.compare import Choices, compare
from topology.source import Source

PUBLISHED = PROJECT / "docs" / "schema"
VALID = [
    PROJECT / "poc.yaml",
    *sorted((PROJECT / "examples").glob("*.yaml")),
    *sorted((TESTS / "golden" / "topology").glob("*.yaml")),
]
FORMS = {
    "bench": record_schema,
    "diff": diff_schema,
    "drift": drift_schema,
    "topology": topology_schema,
}


@pytest.mark.parametrize("form", sorted(FORMS))
def test_golden_schema_is_the_one_that_is_published(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["schema", form]) == 0
    check_golden(PUBLISHED / f"{form}.schema.json", capsys.readouterr().out)


def plain(file: Path) -> Any:
    return Source(str(file), file.read_text()).plain()[0]


@pytest.mark.parametrize("file", VALID, ids=lambda path: path.stem)
def test_valid_topologies_fit_the_schema(file: Path) -> None:
    assert not list(mistakes(plain(file), topology_schema()))


@pytest.mark.parametrize(
    "name",
    [
        "bad-name",
        "missing-key",
        "two-actions",
        "unknown-key",
        "unknown-kind",
        "version",
        "wrong-type",
    ],
)
def test_mistakes_of_form_do_not_fit_it(name: str) -> None:
    assert list(mistakes(plain(TESTS / "errors" / f"{name}.yaml"), topology_schema()))


def test_files_of_the_project_name_the_schema() -> None:
    for file in VALID[:3]:
        first = file.read_text().splitlines()[0]
        where = first.removeprefix("# yaml-language-server: $schema=")
        assert (file.parent / where).resolve() == PUBLISHED / "topology.schema.json"


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)
def test_diffs_fit_their_schema(edit: Edit) -> None:
    old, new = sides(edit)
    diff = compare(old, new, Choices(), IMAGES.get(edit.name, today))
    document = json.loads(json.dumps(diff_document(diff)))
    assert not list(mistakes(document, diff_schema()))
    assert document["differs"] == diff.differs


def test_a_schema_is_written_to_a_file(tmp_path: Path) -> None:
    assert run(["schema", "-o", str(tmp_path / "s.json")]) == 0
    assert json.loads((tmp_path / "s.json").read_text()) == topology_schema()
