"""Who reads a file from where a node would: a unikernel's disk, a container's bound file, fio."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, SubElement

from topology.bench.errors import BenchError
from topology.bench.fleet.instances import Instance
from topology.bench.fleet.start import Ground, LxcStarter, UnikernelStarter
from topology.bench.storage import Pattern, Trial, attach_disk, bind_data
from topology.plan.types import ImageRef

__all__ = ["ContainerReader", "Fio", "Reader", "Reads", "UnikernelReader", "read_fio"]

_PATIENCE = 120.0
"""Seconds in which a trial has to end."""


@dataclass(frozen=True, slots=True)
class Reads:
    """What a trial came to: bytes, reads, seconds, and microseconds within which they were done."""

    count: int
    size: int
    seconds: float
    p50: float
    p99: float


class Reader(ABC):
    """Makes trials, one after the other."""

    @abstractmethod
    def read(self, trial: Trial) -> Reads:
        """Makes one; raises `BenchError` where it fails or a page is not the right one."""

    def close(self) -> None:  # noqa: B027 -- some hold nothing
        """Gives back what it holds."""


class _Node(Reader):
    """A domain that reads, says what came of it, and ends."""

    def __init__(
        self, starter: UnikernelStarter | LxcStarter, instance: Instance, image: ImageRef
    ) -> None:
        self._starter = starter
        self._instance = instance
        self._image = image

    def read(self, trial: Trial) -> Reads:
        """Starts the domain and waits for its counters."""
        domain = replace(self._instance.domain, image=self._image, config=trial.document())
        told = replace(self._instance, domain=domain)
        console = self._starter.console(told)
        console.unlink(missing_ok=True)
        self._starter.prepare(told)
        try:
            self._start(told, console)
            said = _last_words(console)
        finally:
            self._starter.stop(told)
        if said["event"] != "counters":
            raise BenchError(f"the trial failed: {said['reason']}")
        counters = said["counters"]
        if counters["wrong_pages"]:
            raise BenchError(f"{counters['wrong_pages']} pages were read from the wrong place")
        return Reads(
            count=counters["reads"],
            size=counters["bytes"],
            seconds=counters["elapsed_us"] / 1e6,
            p50=counters["p50_us"],
            p99=counters["p99_us"],
        )

    def close(self) -> None:
        """Ends the connection to libvirt."""
        self._starter.close()

    def _start(self, told: Instance, console: Path) -> None:
        try:
            self._starter.start(told)
        except BenchError:
            # libvirt may find that a domain that has done its work already never began.
            if not (console.exists() and _said(console)):
                raise


class UnikernelReader(_Node):
    """A unikernel that reads its virtio disk."""

    def __init__(self, ground: Ground, instance: Instance, image: ImageRef, data: Path) -> None:
        super().__init__(_WithDisk(ground, data), instance, image)

    def read(self, trial: Trial) -> Reads:
        """Tells QEMU whether to pass the host's page cache by, then reads."""
        assert isinstance(self._starter, _WithDisk)
        self._starter.direct = trial.direct
        return super().read(trial)


class ContainerReader(_Node):
    """A container that reads a file bound into it."""

    def __init__(self, ground: Ground, instance: Instance, image: ImageRef, data: Path) -> None:
        super().__init__(_WithFile(ground, data), instance, image)


class Fio(Reader):
    """fio on the host itself: the same reads by somebody else's code (https://fio.readthedocs.io)."""

    def __init__(self, ground: Ground, data: Path) -> None:
        self._ground = ground
        self._data = data

    def read(self, trial: Trial) -> Reads:
        """Runs it, one read at a time."""
        random = trial.pattern is Pattern.RANDOM
        told = self._ground.run(
            "fio",
            "--name=trial",
            f"--filename={self._data}",
            "--readonly",
            f"--rw={'randread' if random else 'read'}",
            f"--bs={trial.block}",
            f"--size={self._data.stat().st_size}",
            f"--io_size={trial.block * trial.reads}",
            "--ioengine=psync",
            "--iodepth=1",
            f"--direct={int(trial.direct)}",
            f"--randseed={trial.seed}",
            "--norandommap",
            "--invalidate=0",
            "--output-format=json",
        )
        return read_fio(told)


class _WithDisk(UnikernelStarter):
    def __init__(self, ground: Ground, data: Path) -> None:
        super().__init__(ground)
        self._data = data
        self.direct = False

    def complete(self, domain: Element, instance: Instance) -> None:
        super().complete(domain, instance)
        attach_disk(domain, self._data, direct=self.direct)
        features = domain.find("features")
        assert features is not None
        # With it comes power management: unlike a node, this image is done once and powers off.
        SubElement(features, "acpi")


class _WithFile(LxcStarter):
    def __init__(self, ground: Ground, data: Path) -> None:
        super().__init__(ground)
        self._data = data

    def complete(self, domain: Element, instance: Instance) -> None:
        super().complete(domain, instance)
        bind_data(domain, self._data)


def read_fio(told: str) -> Reads:
    """What fio's JSON says of its one job; raises `BenchError` where it is not that."""
    try:
        # Warnings may stand before it.
        job = json.loads(told[told.index("{") :])["jobs"][0]["read"]
        times = job["clat_ns"]["percentile"]
        return Reads(
            count=job["total_ios"],
            size=job["io_bytes"],
            seconds=job["io_bytes"] / job["bw_bytes"],
            p50=times["50.000000"] / 1000,
            p99=times["99.000000"] / 1000,
        )
    except (ValueError, LookupError, TypeError, ZeroDivisionError) as error:
        raise BenchError(f"fio said something else than figures: {told.strip()[:300]}") from error


def _last_words(console: Path) -> Mapping[str, Any]:
    """The line of a trial's counters, or of its failure, waited for."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        if console.exists() and (said := _said(console)):
            return said
        time.sleep(0.01)
    raise BenchError(f"the trial did not end in {_PATIENCE:g} s")


def _said(console: Path) -> Mapping[str, Any] | None:
    for line in console.read_bytes().splitlines(keepends=True):
        # A start begins with an empty line.
        if line.endswith(b"\n") and line.strip():
            said: dict[str, Any] = json.loads(line)
            if said["event"] in ("counters", "fatal"):
                return said
    return None
