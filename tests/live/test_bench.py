"""A quick benchmark for real: both variants measured, recorded, reported; no figure is judged."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.support.deployed import run, started_lab
from tests.support.golden import PROJECT
from tests.support.marks import LIVE_AS_ROOT
from topology.bench.measure import MEASURES
from topology.bench.record import Failure, Sample, Subject, read_lines
from topology.bench.report.write import DATA, REPORT

pytestmark = LIVE_AS_ROOT

CHOSEN = ("boot", "engine-validate", "http")
"""Few of the measures, since each has live tests of what it measures with."""


def test_a_quick_run_is_recorded_and_reported(tmp_path: Path) -> None:
    output = tmp_path / "bench"
    only = [word for name in CHOSEN for word in ("--only", name)]
    with started_lab() as lab:
        bench = ["topology", "bench", "all", "--quick", "--busy", "--minutes", "4"]
        told = run([*bench, *only, "--output", str(output)], lab.environment, cwd=PROJECT)
        # Nothing is left: neither a stack of the benchmark's own nor a domain.
        stacks = run(["pulumi", "stack", "ls", "--json"], lab.environment, cwd=PROJECT).stdout
        assert not [s["name"] for s in json.loads(stacks) if s["name"].startswith("bench-")]
        for variant in ("unikernel", "containers"):
            assert lab.virsh(variant, "list", "--all", "--name").split() == []
        compare = ["topology", "bench", "compare", str(output), str(output), "--exit-code"]
        run(compare, lab.environment, cwd=PROJECT)
    sys.stdout.write(told.stdout)

    lines = list(read_lines(output / DATA))
    assert [line for line in lines if isinstance(line, Failure)] == []
    taken = {(line.measure, line.subject) for line in lines if isinstance(line, Sample)}
    for measure in MEASURES:
        if measure.name in CHOSEN:
            assert {(measure.name, subject) for subject in measure.subjects} <= taken
    assert ("boot", Subject.UNIKERNEL) in taken
    markdown, page = ((output / name).read_text() for name in REPORT)
    for text in (markdown, page):
        for measure in MEASURES:
            assert (measure.figure.title in text) == (measure.name in CHOSEN)
    assert page.count("<svg") >= 3
