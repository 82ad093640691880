"""A node replaced under load: how long it takes, and how many requests it costs."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import ClassVar

from topology.bench.errors import BenchError
from topology.bench.measure.base import Bench, Figure, Measure, Section
from topology.bench.record import Point, Sample, Subject
from topology.bench.stack import Stack
from topology.bench.steady import steady

__all__ = ["Update"]

RATE = 1000
"""Requests a second: at this rate a lost request is a millisecond of outage."""

_NAME = "www.poc.example"
_MARGIN = 0.5
"""Seconds of load before the change and after it."""

_CALM = 1.0
"""Seconds of load before any change, of which nearly all must be answered."""

_ALLOWED = 0.01

_NODES = {"page": "web", "record": "dns", "rule": "firewall"}


class Update(Measure):
    """`pulumi up` after an edit, while clients go on asking."""

    figure: ClassVar = Figure(
        "update-lost",
        "Requests lost while a node is replaced, at 1,000 a second",
        "requests",
        "lower",
        series="change",
    )
    unchanged = Figure(
        "update-lost-unchanged",
        "Requests lost while pulumi up finds nothing to change",
        "requests",
        "lower",
    )
    gap = Figure("update-gap", "Longest time without an answer", "ms", "lower", series="change")
    took = Figure(
        "update-seconds",
        "pulumi up after an edit",
        "s",
        "lower",
        series="change",
    )
    also = (unchanged, gap, took)
    section = Section.UPDATE
    subjects = (Subject.UNIKERNEL, Subject.CONTAINERS)
    method = (
        "The proof of concept is deployed. From the outside client, through firewall and router, "
        "1,000 requests a second are sent, each on a connection of its own and due at its own "
        "moment, while a page, a record or a rule is edited and `pulumi up --skip-preview` "
        "replaces the web server, the DNS server or the firewall. Asked is the service that the "
        "change concerns: HTTP for a page and a rule, DNS for a record. Lost is what has no right "
        "answer a second after it was sent. The loader goes before the deployment for the "
        "processor (nice -10), and how far it fell behind is kept: then it was the loader that "
        "was slow. Before each change of a page the same load runs beside a `pulumi up` that has "
        "nothing to do: what is lost then is lost to Pulumi, which takes the processor, and not "
        "to the change; before other changes, beside nothing, for a second. The figure is "
        "of a node that is created first and takes over its address, not of a change of a "
        "segment, which interrupts all on it."
    )
    warmup = 0

    def __init__(self) -> None:
        self._stacks: dict[Subject, Stack] = {}
        self._edits = 0

    def points(self, quick: bool) -> tuple[Point, ...]:
        """One change a kind of node."""
        return tuple({"change": change} for change in (["page"] if quick else _NODES))

    def cost(self, subject: Subject, point: Point, quick: bool) -> float:
        """An `up`, and the load around it; of a page, one more that changes nothing."""
        return 18.7 if point["change"] == "page" else 12.0

    def setup_cost(self, subject: Subject, quick: bool) -> float:
        """A deployment, and its removal."""
        return 14.0

    def prepare(self, subject: Subject, bench: Bench) -> None:
        """Deploys a stack to be changed."""
        stack = bench.undeployed(subject)
        stack.up()
        self._stacks[subject] = stack

    def finish(self, subject: Subject, bench: Bench) -> None:
        """Forgets it: who made it takes it down."""
        self._stacks.pop(subject, None)

    def measure(
        self, subject: Subject, point: Point, repeat: int, bench: Bench
    ) -> Iterator[Sample]:
        """Edits, and replaces one node."""
        stack, change = self._stacks[subject], str(point["change"])
        node = _NODES[change]
        before = stack.outputs().nodes[node].digest
        asked = "dns" if change == "record" else "web"
        address = next(a for a in stack.outputs().nodes[asked].addresses if ":" not in a)
        service = _NAME if change == "record" else "http"
        client = stack.client()
        target = address.partition("/")[0]
        with steady(client, service, target, RATE) as beside:
            if change == "page":
                stack.up()
            else:
                time.sleep(_CALM)  # the load's own time
        calm = beside.result
        if change == "page":
            detail = {"sent": calm.sent, "behind_ms": calm.behind * 1000}
            yield self.sample(subject, {}, repeat, calm.lost, figure=self.unchanged, detail=detail)
        elif calm.lost > calm.sent * _ALLOWED:
            bench.note(
                f"{RATE} requests a second are more than this machine carries at the moment: "
                "some are lost without any change, and what a change costs is not told apart",
                self.name,
                str(subject),
            )
        self._edit(stack, change)
        with steady(client, service, target, RATE) as load:
            time.sleep(_MARGIN)  # the load's own time
            began = time.monotonic()
            stack.up()
            took = time.monotonic() - began
            time.sleep(_MARGIN)
        if stack.outputs().nodes[node].digest == before:
            raise BenchError(f"the change of a {change} replaced nothing")
        found = load.result
        detail = {
            "sent": found.sent,
            "seconds": found.seconds,
            "behind_ms": found.behind * 1000,
            "lost_before": calm.lost,
        }
        yield self.sample(subject, point, repeat, found.lost, detail=detail)
        yield self.sample(subject, point, repeat, found.gap * 1000, figure=self.gap, detail=detail)
        yield self.sample(subject, point, repeat, took, figure=self.took)

    def _edit(self, stack: Stack, change: str) -> None:
        """Makes an edit that was never made before."""
        self._edits += 1
        mark = f"bench{self._edits}"
        if change == "page":
            page = stack.directory / "content/web/index.html"
            page.write_text(f"{page.read_text(encoding='utf-8')}<!-- {mark} -->\n", "utf-8")
            return
        old, new = {
            "record": (r"(\bwww: )", rf"{mark}: web, \1"),
            "rule": (r"name: [a-z0-9-]+(?=, permit: http\b)", f"name: {mark}"),
        }[change]
        text, count = re.subn(old, new, stack.file.read_text(encoding="utf-8"), count=1)
        if not count:
            raise BenchError(f"{stack.file} has no place for another {change}")
        stack.declare(text)
