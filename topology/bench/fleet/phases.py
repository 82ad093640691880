"""A start taken apart: what was observed of it, and which phase each stretch of time belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from topology.bench.record import Subject

__all__ = ["Moments", "phases"]


@dataclass(frozen=True, slots=True)
class Moments:
    """Monotonic seconds of what was observed; `None` for what nobody told.

    `executed` is QEMU's or the LXC controller's, `resumed` when QEMU let the guest run, `uptime`
    how long the node had run, by its own clock, when it was `ready`.
    """

    began: float
    prepared: float
    executed: float | None
    resumed: float | None
    ready: float | None
    uptime: float | None
    answered: float


def phases(subject: Subject, moments: Moments) -> Mapping[str, float]:
    """Seconds of each phase, in order; together they are the whole start.

    A moment that nobody told, or that came out of order by the slack of its clock, begins no phase
    of its own: its time goes to the phase before.

    >>> phases(Subject.STOCK, Moments(0.0, 0.25, None, None, None, None, 1.0))
    {'prepare': 0.25, 'nginx': 0.75}
    """
    started = None
    if moments.ready is not None and moments.uptime is not None:
        started = moments.ready - moments.uptime
    steps: list[tuple[str, float | None]] = [("prepare", moments.began)]
    match subject:
        case Subject.UNIKERNEL:
            steps += [
                ("libvirt", moments.prepared),
                ("QEMU", moments.executed),
                ("firmware", moments.resumed),
            ]
        case Subject.RUNC:
            steps += [("runc", moments.prepared)]
        case Subject.STOCK:
            steps += [("nginx", moments.prepared)]
        case _:
            steps += [("libvirt", moments.prepared), ("LXC", moments.executed)]
    if subject is not Subject.STOCK:
        steps += [("node", started), ("reply", moments.ready)]
    known: list[tuple[str, float]] = []
    for name, at in steps:
        if at is not None and (not known or known[-1][1] <= at <= moments.answered):
            known.append((name, at))
    known.append(("", moments.answered))
    spans = {name: after - at for (name, at), (_, after) in pairwise(known)}
    return {name: seconds for name, seconds in spans.items() if seconds > 0}
