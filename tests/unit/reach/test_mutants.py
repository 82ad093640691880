"""Statements test something: a changed rule, route or record is caught, or changes nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.golden import PROJECT
from tests.support.mutants import Fate, document_of, fate, mutants
from topology.pipeline import require_file

FILES = ("poc.yaml", "examples/open.yaml", "examples/two-dmz.yaml")

# What no statement and no check says anything about, and why that is right: docs/reachability.md.
EXPLAINED = {
    "poc.yaml: edge.web-in from any",
    "poc.yaml: edge.dns-in from any",
    "examples/two-dmz.yaml: edge.apart first",
    "examples/two-dmz.yaml: @.docs.example removed",
}


def fates() -> Iterator[tuple[str, Fate]]:
    for name in FILES:
        file = PROJECT / name
        original, document = require_file(file), document_of(file)
        for mutant in mutants(document):
            yield f"{name}: {mutant.name}", fate(original, mutant, file.parent)


@pytest.fixture(scope="module")
def told() -> dict[str, Fate]:
    return dict(fates())


def test_nineteen_of_twenty_mutants_are_caught(told: dict[str, Fate]) -> None:
    different = {name: fate for name, fate in told.items() if not fate.equivalent or fate.caught}
    caught = [name for name, fate in different.items() if fate.caught]
    assert len(told) > 100
    assert len(caught) / len(different) >= 0.95


def test_each_that_is_not_caught_is_explained(told: dict[str, Fate]) -> None:
    missed = {name for name, fate in told.items() if not fate.caught and not fate.equivalent}
    assert missed == EXPLAINED
    page = (PROJECT / "docs" / "reachability.md").read_text()
    for name in EXPLAINED:
        assert name.split(": ")[1] in page, f"{name} is not explained"


def test_what_changes_nothing_is_proved_to(told: dict[str, Fate]) -> None:
    """The rule against pings only names what the default denies anyway, and logs it."""
    alike = {name for name, fate in told.items() if fate.equivalent and not fate.caught}
    assert "poc.yaml: edge.no-echo removed" in alike
    assert "poc.yaml: edge.web-in removed" not in alike
