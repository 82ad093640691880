"""Two runs: what changed is said, and what only looks so is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.bench import RUN, fakes
from tests.support.golden import TESTS
from topology.bench.compare import Outcome, compare
from topology.bench.record import Line, Run, Sample, Subject, read_lines, write_lines
from topology.bench.report.results import Results
from topology.bench.report.write import DATA
from topology.cli.main import run

GOLDEN = TESTS / "golden" / "bench" / DATA


def changed(change: Callable[[Sample], float]) -> list[Line]:
    return [
        replace(line, value=change(line)) if isinstance(line, Sample) else line
        for line in read_lines(GOLDEN)
    ]


def outcomes(new: list[Line]) -> dict[tuple[str, str, str], Outcome]:
    found = compare(Results(read_lines(GOLDEN), fakes()), Results(new, fakes()))
    return {
        (one.figure.name, one.subject.value, str(sorted(one.point.items()))): one.outcome
        for one in found.changes
    }


def test_a_run_does_not_differ_from_itself() -> None:
    found = compare(*(Results(read_lines(GOLDEN), fakes()) for _ in range(2)))
    assert not found.differs
    assert found.unequal == ()
    assert found.alone == (0, 0)
    # Sweeps have three samples, from which nothing is concluded.
    assert {one.outcome for one in found.changes if one.figure.name == "latency"} == {
        Outcome.UNSURE
    }


def test_what_became_slower_is_found_and_nothing_else() -> None:
    found = outcomes(changed(lambda s: s.value * (1.2 if s.subject is Subject.SHARED else 1.0)))
    for (figure, subject, _), outcome in found.items():
        if subject == "shared":
            assert outcome is (Outcome.BETTER if figure == "http" else Outcome.WORSE)
        elif figure != "latency" and (figure, subject) != ("http", "stock"):
            assert outcome is Outcome.SAME


def test_a_small_difference_is_none_however_sure() -> None:
    found = outcomes(changed(lambda s: s.value * 1.03))
    assert set(found.values()) == {Outcome.SAME, Outcome.UNSURE}


@pytest.mark.parametrize(
    ("change", "code"), [(1.0, 0), (1.5, 1)], ids=["the same", "half as much again"]
)
def test_the_command_ends_as_git_does(
    change: float, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / DATA
    other.write_text(write_lines(changed(lambda s: s.value * change)))
    assert run(["bench", "compare", str(GOLDEN), str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert ("better" in told.splitlines()[0]) == (code == 0)
    assert run(["bench", "compare", str(GOLDEN), str(other), "--exit-code", "--json"]) == code
    document = json.loads(capsys.readouterr().out)
    assert document["differs"] == bool(code)
    assert document["version"] == 1
    assert run(["bench", "compare", str(GOLDEN), str(other), "--every"]) == 0


def test_other_machines_and_tools_are_named() -> None:
    def elsewhere(line: Line) -> Line:
        if not isinstance(line, Run):
            return line
        machine = {**RUN.machine, "kernel": "6.2"}
        return replace(line, machine=machine, tools={**RUN.tools, "wrk": "5"})

    new = [elsewhere(line) for line in read_lines(GOLDEN)]
    found = compare(Results(read_lines(GOLDEN), fakes()), Results(new, fakes()))
    assert found.unequal == (
        "kernel: 6.1 in the old run, 6.2 in the new one",
        "wrk: 4.1.0 in the old run, 5 in the new one",
    )
