"""What the engine costs: generated networks read, resolved, checked, proved and explained."""

from __future__ import annotations

import gc
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from topology.bench.generate import dmz_network, one_firewall, ten_edits

if TYPE_CHECKING:
    from topology.plan.types import Deployment
    from topology.resolve.types import ResolvedTopology

__all__ = ["FIREWALLS", "NETWORKS", "Cost", "measure", "measured"]

T = TypeVar("T")

NETWORKS = (10, 100, 1_000, 10_000)
"""Nodes of the generated networks."""

FIREWALLS = (10, 100, 1_000, 10_000, 50_000)
"""Rules of the generated firewalls."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of each stage; `memory` is the process's peak in MiB.

    `kind` is `network` or `firewall` for what is generated, `poc` for the proof of concept.
    `diff` is that of a network after ten edits, without reading the two; `command` is
    `topology diff HEAD` of the proof of concept, Python's start and git included; `None` where
    that is not measured. Neither counts for `memory`.

    They are the processor's: the engine is one thread that waits for nothing, so that on an idle
    machine they are the wall clock's too, and on a busy one still say what it costs.
    """

    kind: str
    size: int
    load: float
    resolve: float
    check: float
    prove: float
    plan: float
    explain: float
    memory: int
    statements: int
    holds: bool
    diff: float | None = None
    command: float | None = None

    @property
    def after_loading(self) -> float:
        """Seconds for all but reading."""
        return self.resolve + self.check + self.prove


def measure(kind: str, size: int) -> Cost:
    """The cost of one topology: `kind` is `network`, `firewall` or `poc`, which has one size.

    It is taken in this process, whose peak of memory counts: `measured` takes a fresh one.
    """
    from topology.check import DECLARED_CHECKS, RESOLVED_CHECKS, run_checks
    from topology.load import load_text
    from topology.reach.explain import explain
    from topology.reach.network import Network
    from topology.reach.space import Packet
    from topology.reach.statements import prove
    from topology.resolve import resolve
    from topology.resolve.types import Protocol

    text, web = _text(kind, size)
    base = Path() if kind != "poc" else _root()
    load, loaded = _timed(lambda: load_text(text, f"{kind}-{size}.yaml"))
    declared = loaded.topology
    if declared is None:
        raise ValueError(f"the generated topology is invalid: {loaded.diagnostics[0]}")
    declared_checks, _ = _timed(lambda: run_checks(DECLARED_CHECKS, declared))
    resolving, (resolved, _) = _timed(lambda: resolve(declared, base))
    assert resolved is not None
    resolved_checks, _ = _timed(lambda: run_checks(RESOLVED_CHECKS, resolved))
    proving, proof = _timed(lambda: prove(Network(resolved)))
    planning, _ = _timed(lambda: _plan(resolved))
    target = resolved.nodes[web]
    source = resolved.nodes["client"].interfaces[0].addresses[0].ip
    packet = Packet(source, target.interfaces[0].addresses[0].ip, Protocol.TCP, 80, 49152)
    explaining, _ = _timed(lambda: explain(resolved, packet, "client"))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    return Cost(
        kind=kind,
        size=size if kind == "firewall" else len(resolved.nodes),
        load=load,
        resolve=resolving,
        check=declared_checks + resolved_checks,
        prove=proving,
        plan=planning,
        explain=explaining,
        memory=memory,
        statements=len(proof.verdicts),
        holds=proof.holds,
        diff=_compared(text, ten_edits(text, size)) if kind == "network" else None,
        command=_commanded() if kind == "poc" else None,
    )


def measured(sizes: Iterable[tuple[str, int]], say: Callable[[str], None]) -> list[Cost]:
    """The cost of each size, each in a process of its own, so that peaks of memory are apart."""
    costs = []
    for kind, size in sizes:
        say("the proof of concept" if kind == "poc" else f"{kind} of {size:,}")
        command = [sys.executable, "-m", "topology.bench.engine", kind, str(size)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        costs.append(Cost(**json.loads(done.stdout)))
    return costs


def _text(kind: str, size: int) -> tuple[str, str]:
    """A topology, and the name of a web server in it."""
    if kind == "poc":
        return (_root() / "poc.yaml").read_text(encoding="utf-8"), "web"
    if kind == "network":
        return dmz_network(size), "web-0-0"
    return one_firewall(size), "web-0"


def _compared(old: str, new: str) -> float:
    """Seconds for the whole diff of two texts that are read already."""
    from topology.sides.compare import Choices, compare
    from topology.sides.read import text_side

    before, after = text_side(old, "old", Path()), text_side(new, "new", Path())
    seconds, diff = _timed(lambda: compare(before, after, Choices(images_of_today=True)))
    if diff.flows is None or not diff.differs:
        raise ValueError(f"the generated edits are invalid: {diff.diagnostics}")
    return seconds


def _commanded() -> float | None:
    """Seconds of `topology diff HEAD` and all that it starts; `None` outside of a repository."""
    from topology.sides.errors import SideError
    from topology.sides.git import Repository

    try:
        Repository.around(_root()).revision("HEAD")
    except SideError:
        return None
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "topology", "diff", "HEAD"]
    subprocess.run(command, cwd=_root(), stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _root() -> Path:
    from topology.image import project_root

    return project_root()


def _plan(resolved: ResolvedTopology) -> Deployment:
    """What a stack of containers would run: the variant that carries any number of interfaces."""
    from topology.plan import image_roles, plan
    from topology.plan.settings import DEFAULT_CONSOLES
    from topology.plan.types import Accelerator, ImageRef, RootFilesystem, Variant

    variant = Variant.CONTAINERS
    roles = image_roles(resolved, variant)
    # A plan copies digests and reads no image: what it costs does not depend on them.
    images = {role: ImageRef(role, variant, "0" * 64, 0, Path()) for role in roles}
    return plan(
        resolved,
        stack="bench",
        variant=variant,
        images=images,
        accelerator=Accelerator.KVM,
        rootfs=RootFilesystem.FILE,
        consoles=DEFAULT_CONSOLES,
    )


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


if __name__ == "__main__":
    gc.disable()  # as the commands do
    sys.stdout.write(json.dumps(asdict(measure(sys.argv[1], int(sys.argv[2])))))
