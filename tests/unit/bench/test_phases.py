"""A start's phases: together the whole of it, whatever was not observed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from topology.bench.fleet.phases import Moments, phases
from topology.bench.record import Subject

WHOLE = Moments(
    began=10.0,
    prepared=10.1,
    executed=10.2,
    resumed=10.6,
    ready=10.9,
    uptime=0.1,
    answered=11.0,
)


def test_a_unikernel_has_every_phase() -> None:
    found = phases(Subject.UNIKERNEL, WHOLE)
    assert list(found) == ["prepare", "libvirt", "QEMU", "firmware", "node", "reply"]
    assert found["QEMU"] == pytest.approx(0.4)
    assert found["firmware"] == pytest.approx(0.2)
    assert found["node"] == pytest.approx(0.1)


@pytest.mark.parametrize("subject", list(Subject))
@pytest.mark.parametrize(
    "moments",
    [
        replace(WHOLE, executed=None),
        replace(WHOLE, resumed=None),
        replace(WHOLE, ready=None),
        replace(WHOLE, uptime=None),
    ],
    ids=["executed", "resumed", "ready", "uptime"],
)
def test_phases_add_up_without_one_of_the_moments(subject: Subject, moments: Moments) -> None:
    assert sum(phases(subject, moments).values()) == pytest.approx(1.0)


def test_a_moment_out_of_order_begins_no_phase() -> None:
    # The answer was there before the console was looked at.
    found = phases(Subject.CONTAINERS, replace(WHOLE, ready=11.01, uptime=0.2))
    assert list(found) == ["prepare", "libvirt", "LXC", "node"]
    assert sum(found.values()) == pytest.approx(1.0)
