"""A fleet: instances of one subject, a bridge between them, and who asks them."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from topology.bench.errors import BenchError
from topology.bench.fleet.asker import Asker
from topology.bench.fleet.instances import NETWORK, Instance, instances
from topology.bench.fleet.others import NginxStarter, RuncStarter
from topology.bench.fleet.start import Ground, LxcStarter, Start, Starter, UnikernelStarter
from topology.bench.leftovers import FLEET, TAG
from topology.bench.record import Subject
from topology.image import ensure
from topology.plan.roles import roles_of
from topology.platforms.types import Accelerator, RootFilesystem, Variant
from topology.probe.places import Place
from topology.resolve.types import Kind

if TYPE_CHECKING:
    from topology.bench.measure.base import Bench

__all__ = ["Fleet", "Reply", "fleet", "ground", "planned"]

_STARTERS: Mapping[Subject, Callable[[Ground], Starter]] = {
    Subject.UNIKERNEL: UnikernelStarter,
    Subject.CONTAINERS: LxcStarter,
    Subject.RUNC: RuncStarter,
    Subject.STOCK: NginxStarter,
}

_PATIENCE = 20.0
"""Seconds in which an instance has to answer once whoever starts it returned."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An instance that was started: monotonic seconds of each step; `answered` is of its first
    right answer."""

    start: Start
    answered: float

    @property
    def seconds(self) -> float:
        """From before anything was done for it to its first right answer."""
        return self.answered - self.start.began


class Fleet:
    """Instances that are started and stopped; stopped all when it ends."""

    def __init__(self, starter: Starter, all_: Sequence[Instance], asker: Asker) -> None:
        self.starter = starter
        self.instances = all_
        self._asker = asker
        self.directory = starter.ground.directory
        self.running: dict[str, Instance] = {}

    def start(self, instance: Instance, patience: float = _PATIENCE) -> Reply:
        """Starts one and waits for its answer; raises `BenchError` if none comes in time."""
        self._asker.ask(instance.name, instance.question)
        self.running[instance.name] = instance
        started = self.starter.start(instance)
        answered = self._asker.wait(instance.name, patience)
        if answered is None:
            said = self.starter.console(instance)
            told = said.read_text(errors="replace").strip()[-300:] if said.exists() else ""
            raise BenchError(f"{instance.name} gave no right answer in {patience:g} s: {told}")
        return Reply(started, answered)

    def start_all(self, chosen: Iterable[Instance], workers: int) -> list[Reply]:
        """Starts many, `workers` at once, each of which waits for the answer of its own."""
        with ThreadPoolExecutor(workers) as pool:
            return list(pool.map(self.start, chosen))

    def neighbour(self) -> Place:
        """A host on the fleet's segment, not attached yet."""
        bridge = self.instances[0].domain.nics[0].bridge
        address = f"{NETWORK[-4]}/{NETWORK.prefixlen}"
        return Place(
            name=f"{bridge}-host",
            bridge=bridge,
            addresses=(address,),
            surroundings=self.starter.ground.surroundings,
        )

    def stop(self, instance: Instance) -> None:
        """Kills one."""
        self.starter.stop(instance)
        self.running.pop(instance.name, None)

    def stop_all(self, workers: int = 12) -> None:
        """Kills all, many at once: libvirt waits for each to end."""
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(self.stop, list(self.running.values())))


@contextmanager
def fleet(
    bench: Bench,
    subject: Subject,
    count: int,
    *,
    service: str = "web",
    accelerator: str | None = None,
    interval: float = 0.002,
) -> Iterator[Fleet]:
    """A fleet on a bridge of its own, none of it started; all of it is gone at the end."""
    with ground(bench) as (place, tag):
        made = planned(bench, subject, count, place, tag, service=service, accelerator=accelerator)
        starter = _STARTERS[subject](place)
        try:
            for instance in made:
                starter.prepare(instance)
            with Asker(bench.surroundings, interval) as asker:
                running = Fleet(starter, made, asker)
                try:
                    yield running
                finally:
                    running.stop_all()
        finally:
            starter.close()


@contextmanager
def ground(bench: Bench) -> Iterator[tuple[Ground, str]]:
    """Where instances can be started, with a bridge, and the bridge's name; both are gone after."""
    directory = Path(tempfile.mkdtemp(prefix=FLEET, dir=bench.scratch))
    directory.chmod(0o755)  # mapped containers look into it
    place = Ground(bench.surroundings, bench.uri, directory)
    tag = "tp" + secrets.token_hex(2)
    (directory / TAG).write_text(tag, encoding="ascii")
    try:
        line = ("type", "bridge", "stp_state", "0", "forward_delay", "0")
        place.run("ip", "link", "add", tag, *line)
        place.run("ip", "link", "set", tag, "up")
        yield place, tag
    finally:
        place.surroundings.run(["ip", "link", "delete", tag], check=False)
        shutil.rmtree(directory)


def planned(
    bench: Bench,
    subject: Subject,
    count: int,
    place: Ground,
    tag: str,
    *,
    service: str = "web",
    accelerator: str | None = None,
) -> tuple[Instance, ...]:
    """Instances of a subject's variant as they would be deployed, on the bridge `tag`."""
    variant = Variant.UNIKERNEL if subject is Subject.UNIKERNEL else Variant.CONTAINERS
    roles = roles_of((Kind.DNS, Kind.WEB), variant)
    return instances(
        count,
        service,
        variant,
        root=bench.root,
        images=ensure(variant, roles, root=bench.root, progress=bench.log),
        accelerator=Accelerator(accelerator or bench.accelerator),
        rootfs=RootFilesystem(bench.environment.get("TOPOLOGY_ROOTFS", RootFilesystem.FILE)),
        consoles=place.directory,
        tag=tag,
    )
