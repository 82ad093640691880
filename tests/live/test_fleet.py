"""Instances started and killed in each way for real: they answer, and nothing of them is left."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator

import pytest

from tests.support.deployed import started_lab
from tests.support.golden import PROJECT
from tests.support.marks import LIVE_AS_ROOT
from topology.bench.errors import BenchError
from topology.bench.fleet.code import allowed_calls
from topology.bench.fleet.fleet import fleet
from topology.bench.fleet.memory import resident
from topology.bench.lab import Lab
from topology.bench.measure.boot import Boot
from topology.bench.record import Subject
from topology.bench.steady import steady
from topology.bench.tools import provide

pytestmark = LIVE_AS_ROOT

SUBJECTS = (Subject.UNIKERNEL, Subject.CONTAINERS, Subject.RUNC, Subject.STOCK)


@pytest.fixture(scope="module")
def bench() -> Iterator[Lab]:
    with started_lab() as lab:
        environment = {**os.environ, **lab.environment}
        with pytest.MonkeyPatch.context() as patch:
            for name in ("PATH", "TOPOLOGY_IMAGES"):
                patch.setenv(name, environment[name])
            provide(PROJECT)
            made = Lab(PROJECT, environment, quick=True, say=lambda _: None, write=lambda _: None)
            try:
                yield made
            finally:
                made.close()


def left(bench: Lab) -> list[str]:
    """What the lab's namespaces hold of fleets: ports, bridges, namespaces, mounts."""
    run = bench.surroundings.run
    links = [line.split()[1] for line in run(["ip", "-o", "link"]).stdout.splitlines()]
    spaces = run(["ip", "netns", "list"]).stdout.split()
    mounts = [line.split()[1] for line in run(["cat", "/proc/mounts"]).stdout.splitlines()]
    return [
        *(name for name in (*links, *spaces) if re.match("tp[0-9a-f]{4}", name)),
        *(mount for mount in mounts if mount.startswith(str(bench.scratch))),
        *(one.name for one in bench.scratch.iterdir()),
    ]


@pytest.mark.parametrize("subject", SUBJECTS)
def test_instances_answer_are_killed_answer_again_and_leave_nothing(
    bench: Lab, subject: Subject
) -> None:
    with fleet(bench, subject, 2) as chosen:
        replies = chosen.start_all(chosen.instances, workers=2)
        assert all(0 < one.seconds < 20 for one in replies)
        found = chosen.starter.processes(chosen.instances)
        assert set(found) == {"web-0", "web-1"}
        assert resident(found["web-0"]).pss > 0
        calls = allowed_calls(found["web-0"][-1])
        assert calls < 40 if subject in (Subject.CONTAINERS, Subject.RUNC) else calls > 100
        chosen.stop(chosen.instances[0])
        assert set(chosen.starter.processes(chosen.instances)) == {"web-1"}
        assert chosen.start(chosen.instances[0]).seconds > 0
        assert left(bench)
    assert left(bench) == []


def test_an_instance_that_does_not_answer_is_an_error_and_leaves_nothing(bench: Lab) -> None:
    with fleet(bench, Subject.CONTAINERS, 1) as chosen:
        (instance,) = chosen.instances
        broken = json.loads(instance.domain.config)
        broken["web"]["port"] = 81  # where nobody asks
        chosen.starter.config(instance).write_text(json.dumps(broken))
        with pytest.raises(BenchError, match="no right answer"):
            chosen.start(instance, patience=1.0)
    assert left(bench) == []


@pytest.mark.parametrize("subject", SUBJECTS)
def test_the_phases_of_a_start_are_the_whole_of_it(bench: Lab, subject: Subject) -> None:
    boot = Boot()
    boot.prepare(subject, bench)
    try:
        whole, *parts = boot.measure(subject, {"cache": "cold"}, 0, bench)
    finally:
        boot.finish(subject, bench)
    assert sum(part.value for part in parts) == pytest.approx(whole.value)
    named = [str(part.point["phase"]) for part in parts]
    if subject is not Subject.STOCK:
        assert "node" in named
    if subject is Subject.UNIKERNEL:
        assert "firmware" in named


def test_a_steady_load_counts_what_is_lost_while_a_server_is_away(bench: Lab) -> None:
    with fleet(bench, Subject.STOCK, 1) as chosen:
        (instance,) = chosen.instances
        chosen.start(instance)
        place = chosen.neighbour()
        place.attach()
        try:
            with steady(place, "http", str(instance.address.ip), 200) as load:
                chosen.stop(instance)
                chosen.start(instance)
                # Longer than the load takes for its next request, and long enough for an answer.
                page = place.run(["curl", "-sS", "--fail", f"http://{instance.address.ip}/"])
                assert page.returncode == 0, page.stderr
        finally:
            place.detach()
    found = load.result
    assert found.answered > 0
    assert found.lost > 0
    assert found.gap > 0.01
    assert found.sent == found.answered + found.lost
