"""The lab as measures see it: stacks, deployed when first asked for, and a place for files."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import cast

from topology.bench.errors import BenchError
from topology.bench.leftovers import SCRATCH, held, sweep
from topology.bench.record import Note, Subject
from topology.bench.stack import Stack
from topology.probe.places import Surroundings
from topology.source import Source

__all__ = ["Lab", "forwarding_by_shared_code"]

_DEPLOYED = (Subject.UNIKERNEL, Subject.CONTAINERS, Subject.SHARED)
"""Subjects that are stacks."""

_PROOF = "poc.yaml"


class Lab:
    """What surrounds the measurements of one run; `close` leaves nothing of it behind.

    Raises `BenchError` where the caller is not root or the environment is not a lab's.
    """

    def __init__(
        self,
        root: Path,
        environment: Mapping[str, str],
        *,
        quick: bool,
        say: Callable[[str], None],
        write: Callable[[Note], None],
    ) -> None:
        if os.geteuid() != 0:
            raise BenchError("a benchmark stands in namespaces and reads cgroups: it needs root")
        if not environment.get("LIBVIRT_DEFAULT_URI"):
            raise BenchError("no lab is named", hint='run: eval "$(./lab env)"')
        self.root = root
        self.environment = environment
        self.surroundings = Surroundings.from_environment(environment)
        self.uri = environment["LIBVIRT_DEFAULT_URI"]
        self.accelerator = environment.get("TOPOLOGY_ACCELERATOR", "kvm")
        self.quick = quick
        sweep(root, environment, say)
        self._open = ExitStack()
        self._directory = self._open.enter_context(held(self.uri))
        self.scratch = self._directory / SCRATCH
        self.scratch.mkdir()
        self._say = say
        self._write = write
        self._noted: set[Note] = set()
        self._kept: dict[tuple[Subject, str | None], Stack] = {}
        self._own: list[Stack] = []
        self._made = 0

    def stack(
        self, subject: Subject, topology: str | None = None, *, shared: bool = False
    ) -> Stack:
        """A deployed stack: the proof of concept's or a shared one, kept, or a measure's own."""
        if topology is not None and not shared:
            stack = self.undeployed(subject, topology)
            self._up(stack)
            return stack
        key = (subject, topology)
        if key not in self._kept:
            self._kept[key] = self._make(subject, self._proof() if topology is None else topology)
        if not self._kept[key].deployed:
            self._up(self._kept[key])
        return self._kept[key]

    def undeployed(self, subject: Subject, topology: str | None = None) -> Stack:
        """A stack of the measure's own that is not up yet."""
        stack = self._make(subject, self._proof() if topology is None else topology)
        self._own.append(stack)
        return stack

    def log(self, text: str) -> None:
        """Says what is being done."""
        self._say(text)

    def note(self, text: str, measure: str = "", subject: str = "") -> None:
        """Writes down what the report must say, once."""
        note = Note(text, measure, str(subject))
        if note not in self._noted:
            self._noted.add(note)
            self._write(note)

    def release(self) -> None:
        """Removes the stacks that the measure before had of its own, and its files."""
        while self._own:
            self._remove(self._own.pop())
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir()

    def close(self) -> None:
        """Removes every stack and file of the run."""
        self.release()
        while self._kept:
            self._remove(self._kept.popitem()[1])
        self._open.close()

    def _make(self, subject: Subject, topology: str) -> Stack:
        if subject not in _DEPLOYED:
            raise BenchError(f"{subject} is no stack that is deployed")
        if subject is Subject.SHARED:
            topology = forwarding_by_shared_code(topology)
        self._made += 1
        name = f"bench-{subject}-{os.getpid()}-{self._made}"
        stack = Stack(name, subject, self.root, self._directory / name, self.environment)
        stack.make(topology)
        return stack

    def _up(self, stack: Stack) -> None:
        self._say(f"deploying {stack.name}")
        stack.up()

    def _remove(self, stack: Stack) -> None:
        self._say(f"removing {stack.name}")
        try:
            stack.remove()
        except BenchError as error:
            # The others must still go; that this one did not is for the reader of the report.
            self.note(f"the stack {stack.name} could not be removed: {error}")

    def _proof(self) -> str:
        return (self.root / _PROOF).read_text(encoding="utf-8")


def forwarding_by_shared_code(topology: str) -> str:
    """A topology whose forwarders, as containers, forward by the code of the unikernels."""
    plain, _ = Source(_PROOF, topology).plain()
    document = cast("dict[str, dict[str, dict[str, str]]]", plain)
    for node in document["nodes"].values():
        if node["kind"] in ("router", "firewall"):
            node["dataplane"] = "shared"
    # JSON is YAML, too.
    return json.dumps(document)
