"""The runner with measures that take no time: order, failures, resumption, and time running out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.bench import RUN, Boot, Clock, Ground, Latency, Throughput, Watch, fakes
from topology.bench.errors import BenchError, RecordError
from topology.bench.measure.base import Bench, Measure
from topology.bench.record import Done, Failure, Note, Point, Sample, Subject, read_lines
from topology.bench.run import chosen
from topology.bench.runner import Record, run_measures
from topology.bench.schedule import CUT, fit, left_out, whole


def taken(
    path: Path,
    *measures: Measure,
    clock: Clock,
    seconds: float = 1e6,
    quick: bool = False,
    missing: str = "",
) -> Record:
    """The record of a run of these measures."""
    if path.exists():
        record = Record.resumed(path)
    else:
        record = Record(path)
        record.append([RUN])
    run_measures(
        whole(measures, quick=quick),
        Ground(),
        record,
        Watch(),
        seconds=seconds,
        usable=lambda _: missing,
        clock=clock,
    )
    return record


def test_subjects_alternate_inside_each_point_of_each_repeat(tmp_path: Path) -> None:
    clock = Clock()
    boot = Boot(clock)
    taken(tmp_path / "data.jsonl", boot, clock=clock)
    made = [call for call in boot.calls if call.startswith("measure")]
    warm, rest = made[:4], made[4:]
    assert [call.split()[1] for call in warm] == ["unikernel", "containers", "shared", "runc"]
    assert [call.split()[1] for call in rest[:8]] == 2 * [
        "unikernel",
        "containers",
        "shared",
        "runc",
    ]
    assert [call.split()[-1] for call in rest] == [str(n) for n in range(10) for _ in range(8)]
    assert boot.calls[-4:] == [f"finish {s}" for s in boot.subjects]


def test_warm_up_is_not_recorded(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    clock = Clock()
    taken(path, Throughput(clock), clock=clock)
    lines = list(read_lines(path))
    assert sum(isinstance(line, Sample) for line in lines) == 4 * 10
    assert sum(isinstance(line, Done) for line in lines) == 4 * 10


class Broken(Throughput):
    """Fails for containers at every second repeat, and always for stock Linux."""

    def measure(
        self, subject: Subject, point: Point, repeat: int, bench: Bench
    ) -> Iterator[Sample]:
        odd = subject is Subject.CONTAINERS and repeat % 2
        yield from super().measure(subject, point, repeat, bench)
        if odd or subject is Subject.STOCK:
            raise BenchError("no reply")


def test_failures_are_written_down_and_the_run_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    clock = Clock()
    broken = Broken(clock)
    taken(path, broken, clock=clock)
    lines = list(read_lines(path))
    failures = [line for line in lines if isinstance(line, Failure)]
    assert {line.text for line in failures} == {"no reply"}
    assert [line.subject for line in failures].count("containers") == 5
    # It could not even warm up, so that it was left alone.
    assert [line.subject for line in failures].count("stock") == 1
    samples = [line for line in lines if isinstance(line, Sample)]
    assert {line.subject for line in samples} == {
        Subject.UNIKERNEL,
        Subject.CONTAINERS,
        Subject.SHARED,
    }
    assert sum(line.subject is Subject.CONTAINERS for line in samples) == 5
    assert "finish stock" in broken.calls


def test_what_is_missing_is_a_failure_of_the_measure(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    clock = Clock()
    boot = Boot(clock)
    taken(path, boot, clock=clock, missing="not installed: wrk")
    assert list(read_lines(path))[1:] == [Failure("boot", "", "not installed: wrk")]
    assert boot.calls == []


class Interrupted(Latency):
    """Is interrupted, once, in the middle."""

    stop = True

    def measure(
        self, subject: Subject, point: Point, repeat: int, bench: Bench
    ) -> Iterator[Sample]:
        if self.stop and repeat == 1 and point["rate"] == 10_000:
            self.stop = False
            raise KeyboardInterrupt
        yield from super().measure(subject, point, repeat, bench)


def test_an_interrupted_run_is_resumed_without_taking_anything_twice(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    clock = Clock()
    measure = Interrupted(clock)
    with pytest.raises(KeyboardInterrupt):
        taken(path, measure, clock=clock)
    assert measure.calls[-2:] == ["finish unikernel", "finish containers"]
    before = path.read_text()
    # The machine lost its power while a line was being written.
    path.write_text(before + '{"type": "sample", "meas')
    taken(path, measure, clock=clock)
    assert path.read_text().startswith(before)
    done = [line for line in read_lines(path) if isinstance(line, Done)]
    keys = [(d.subject, tuple(sorted(d.point.items())), d.repeat) for d in done]
    assert len(keys) == len(set(keys)) == 2 * 6 * 3
    whole_run = tmp_path / "whole.jsonl"
    taken(whole_run, Latency(clock), clock=clock)

    def samples(file: Path) -> set[str]:
        return {repr(line) for line in read_lines(file) if isinstance(line, Sample)}

    assert samples(path) == samples(whole_run)


class Slow(Latency):
    """Takes ten times as long as it says."""

    def cost(self, subject: Subject, point: Point, quick: bool) -> float:
        return self.seconds / 10


def test_a_measure_that_takes_too_long_is_cut_short_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    clock = Clock()
    slow, after = Slow(clock), Boot(clock)
    taken(path, slow, after, clock=clock, seconds=120.0)
    assert clock.now < 120
    notes = [line for line in read_lines(path) if isinstance(line, Note)]
    assert any(line.measure == "latency" and line.text.startswith(CUT) for line in notes)
    # What comes after has had its turn.
    assert any(call.startswith("measure") for call in after.calls)


@pytest.mark.parametrize("seconds", [2000, 150, 60, 30, 12, 5, 1])
def test_a_plan_fits_into_its_time(seconds: float) -> None:
    full = whole(fakes(), quick=False)
    parts = fit(full, seconds)
    told = [text for pair in zip(full, parts, strict=True) for text in left_out(*pair)]
    total = sum(part.seconds for part in parts)
    assert total <= seconds
    assert bool(told) == (seconds < 300)


def test_sweeps_give_way_before_headlines() -> None:
    full = whole(fakes(), quick=False)
    boot, http, latency = fit(full, 166)
    assert (boot.repeats, http.repeats, latency.sweep) == (10, 10, 2)
    boot, http, latency = fit(full, 105)
    assert 5 <= min(boot.repeats, http.repeats) < 10
    assert (len(latency.points), latency.sweep) == (6, 1)
    boot, http, latency = fit(full, 75)
    assert (boot.repeats, http.repeats) == (5, 5)
    assert 1 <= len(latency.points) < 6
    _, http, latency = fit(full, 35)
    assert latency.executions == 0
    assert http.executions > 0


def test_points_that_are_no_headline_are_a_sweep() -> None:
    class Both(Boot):
        figure = replace(Boot.figure, at={"state": "warm", "phase": "any"})

    (part,) = whole([Both()], quick=False)
    assert part.headlines == ({"state": "warm"},)
    assert part.sweeps == ({"state": "cold"},)
    units = list(part.units())
    assert sum(unit.point == {"state": "warm"} for unit in units) == 10 * 4
    assert sum(unit.point == {"state": "cold"} for unit in units) == 3 * 4


def test_a_point_that_takes_minutes_is_taken_less_often() -> None:
    class Long(Latency):
        def most(self, point: Point) -> int:
            return 1 if point["rate"] == 10_000 else super().most(point)

    (part,), (other,) = whole([Long()], quick=False), whole([Latency()], quick=False)
    often = [part.times(point) for point in part.points]
    assert {often[n] for n, point in enumerate(part.points) if point["rate"] == 10_000} == {1}
    assert set(often) == {1, 3}
    assert len(list(part.units())) == part.executions * 2 == sum(often) * 2
    assert part.seconds < other.seconds


def test_measures_are_chosen_by_name() -> None:
    assert [one.name for one in chosen(fakes(), ["http"])] == ["http"]
    assert len(chosen(fakes(), [])) == 3
    with pytest.raises(BenchError, match="there is no measure frob"):
        chosen(fakes(), ["frob"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("{}\n", ":1: "),
        ('{"type": "note", "text": "a"}\n', "first line"),
        ("nonsense\n", "Invalid JSON"),
    ],
)
def test_a_record_that_is_none_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text(text)
    with pytest.raises(RecordError, match=said):
        list(read_lines(path))
    with pytest.raises(RecordError, match="cannot be read"):
        list(read_lines(tmp_path / "none"))
