"""A quick benchmark for real: both variants measured, recorded, reported; no figure is judged.

It is interrupted once and killed once on its way, and goes on.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.deployed import Lab, run, started_lab
from tests.support.golden import PROJECT
from tests.support.marks import LIVE_AS_ROOT
from tests.support.sandbox import eventually
from topology.bench.leftovers import LAB, PREFIX
from topology.bench.measure import MEASURES
from topology.bench.record import Done, Failure, Line, Sample, Subject, read_lines
from topology.bench.report.write import DATA, REPORT
from topology.bench.run import chosen
from topology.bench.schedule import key_of, whole
from topology.cli.exits import ExitCode

pytestmark = LIVE_AS_ROOT

CHOSEN = ("boot", "engine-validate", "http")
"""Few of the measures, since each has live tests of what it measures with."""

PATIENCE = 300.0
"""Seconds for a few executions, deployments before them included, on a busy machine."""


def test_a_quick_run_is_recorded_and_reported(tmp_path: Path) -> None:
    output = tmp_path / "bench"
    only = [word for name in CHOSEN for word in ("--only", name)]
    bench = ["topology", "bench", "all", "--quick", "--busy", "--minutes", "15", *only]
    bench += ["--output", str(output)]
    with started_lab() as lab:
        nothing = _left(lab)
        with _running(bench, lab, tmp_path / "first") as process:
            eventually(lambda: _taken(output, "boot") > 1, "it takes starts", PATIENCE)
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE) == ExitCode.INTERRUPTED
        interrupted = _lines(output)
        assert _left(lab) == nothing
        assert _directories(lab) == []

        bench.append("--resume")
        with _running(bench, lab, tmp_path / "second") as process:
            eventually(lambda: _taken(output, "http") > 1, "it loads its stacks", PATIENCE)
            process.kill()
        killed = _lines(output)
        assert killed[: len(interrupted)] == interrupted
        # Otherwise there would be nothing for the next run to remove.
        assert _left(lab) != nothing
        assert _directories(lab) != []

        told = run(bench, lab.environment, cwd=PROJECT)
        assert _left(lab) == nothing
        assert _directories(lab) == []
        compare = ["topology", "bench", "compare", str(output), str(output), "--exit-code"]
        run(compare, lab.environment, cwd=PROJECT)
    sys.stdout.write(told.stdout)

    lines = _lines(output)
    assert lines[: len(killed)] == killed
    assert [line for line in lines if isinstance(line, Failure)] == []
    # Nothing twice, nothing lost: what a run without interruptions would have taken.
    done = [
        key_of(one.measure, one.subject, one.point, one.repeat)
        for one in lines
        if isinstance(one, Done)
    ]
    planned = whole(chosen(MEASURES, CHOSEN), quick=True)
    assert sorted(done) == sorted(unit.key for part in planned for unit in part.units())
    taken = {(line.measure, line.subject) for line in lines if isinstance(line, Sample)}
    assert ("boot", Subject.UNIKERNEL) in taken
    markdown, page = ((output / name).read_text() for name in REPORT)
    for text in (markdown, page):
        for measure in MEASURES:
            assert (measure.figure.title in text) == (measure.name in CHOSEN)
    assert page.count("<svg") >= 3


@contextmanager
def _running(command: list[str], lab: Lab, said: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A command while the block lasts, and until it has ended."""
    with said.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=PROJECT, env=lab.environment, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        sys.stdout.write(said.read_text(errors="replace"))


def _lines(output: Path) -> list[Line]:
    """What a record holds, but for a line that is cut off."""
    path = output / DATA
    begun = path.exists() and b"\n" in path.read_bytes()
    return list(read_lines(path, cut=True)) if begun else []


def _taken(output: Path, measure: str) -> int:
    """How many executions of a measure a record holds."""
    return sum(isinstance(one, Done) and one.measure == measure for one in _lines(output))


def _directories(lab: Lab) -> list[Path]:
    """The directories of runs in a lab."""
    uri = lab.environment["LIBVIRT_DEFAULT_URI"]
    found = Path(tempfile.gettempdir()).glob(f"{PREFIX}*/{LAB}")
    return [file.parent for file in found if file.read_text(encoding="utf-8") == uri]


def _left(lab: Lab) -> list[str]:
    """All stacks, domains, namespaces, links, and processes that load or serve in a lab."""
    listed = run(["pulumi", "stack", "ls", "--json"], lab.environment, cwd=PROJECT).stdout
    found = [one["name"] for one in json.loads(listed)]
    for variant in ("unikernel", "containers"):
        found += lab.virsh(variant, "list", "--all", "--name").split()
    found += lab.surroundings.run(["ip", "netns", "list"]).stdout.split()
    links = lab.surroundings.run(["ip", "-o", "link", "show"]).stdout.splitlines()
    found += [name for line in links if (name := line.split(": ")[1].partition("@")[0]) != "lo"]
    inside = lab.surroundings.run(["ps", "-eo", "comm="]).stdout.split()
    return found + [name for name in inside if name in ("nginx", "nsd", "pulumi", "wrk", "pace")]
