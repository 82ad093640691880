"""What a node is made of, and what of it the network can reach: figures of an attack surface."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from topology.bench.errors import BenchError
from topology.bench.fleet.code import Sections, allowed_calls, libraries, program, sections
from topology.bench.fleet.fleet import Fleet, fleet
from topology.bench.measure.base import Bench, Chart, Figure, Measure, Section
from topology.bench.record import Detail, Point, Sample, Subject
from topology.image import ensure
from topology.plan.types import Variant

__all__ = ["Images", "Surface"]

_KIB = 1024
_ROLES = ("web", "dns", "router", "firewall")


class Images(Measure):
    """The built images."""

    figure: ClassVar = Figure(
        "image",
        "Bytes of an image",
        "KiB",
        "lower",
        headline=True,
        exact=True,
        at={"role": "web"},
        chart=Chart.NONE,
    )
    code = Figure("image-code", "Machine code in an image", "KiB", "lower", chart=Chart.NONE)
    files = Figure("image-files", "Files in an image", "files", "lower", chart=Chart.NONE)
    also = (code, files)
    section = Section.IMAGES
    subjects = (Subject.UNIKERNEL, Subject.CONTAINERS, Subject.STOCK)
    method = (
        "The files that are deployed: an ELF file for a unikernel, an uncompressed squashfs for a "
        "container, whose code is that of its init. Stock is nginx's program with the libraries "
        "that it loads, as ldd and dpkg tell; its package database, shell and configuration are "
        "left out, to its favour. Code is what of an ELF file is loaded to be executed. A "
        "unikernel's code holds its network stack and drivers; a container's and nginx's is "
        "beside the host's kernel, which this does not count, nor QEMU with its firmware, a ROM of "
        "64 KiB for all nodes."
    )
    tools = ("dpkg-query", "ldd", "nginx", "readelf", "unsquashfs")
    warmup = 0

    def points(self, quick: bool) -> tuple[Point, ...]:
        """Each role."""
        return tuple({"role": role} for role in _ROLES)

    def cost(self, subject: Subject, point: Point, quick: bool) -> float:
        """Reading."""
        return 0.1

    def measure(
        self, subject: Subject, point: Point, repeat: int, bench: Bench
    ) -> Iterator[Sample]:
        """Takes one apart."""
        role = str(point["role"])
        if subject is Subject.STOCK:
            if role != "web":
                return
            made = _stock()
        else:
            variant = Variant.UNIKERNEL if subject is Subject.UNIKERNEL else Variant.CONTAINERS
            built = ensure(variant, {role}, root=bench.root, progress=bench.log)
            image = built[role].path
            made = _unikernel(image) if variant is Variant.UNIKERNEL else _container(image, bench)
        yield self.sample(subject, point, repeat, made.size / _KIB, detail=made.detail)
        code = made.sections.code / _KIB
        yield self.sample(subject, point, repeat, code, figure=self.code, detail=made.detail)
        yield self.sample(subject, point, repeat, made.files, figure=self.files)


class Surface(Measure):
    """What a running node may do to its host, and what of it listens."""

    figure: ClassVar = Figure(
        "calls",
        "System calls that its processes may make",
        "calls",
        "lower",
        headline=True,
        exact=True,
        at={"node": "web"},
        chart=Chart.NONE,
    )
    ports = Figure("ports", "Open TCP ports", "ports", "lower", chart=Chart.NONE)
    also = (ports,)
    section = Section.IMAGES
    subjects = (Subject.UNIKERNEL, Subject.CONTAINERS, Subject.RUNC, Subject.STOCK)
    method = (
        "The seccomp filters of the running process, read from the kernel (ptrace(2), "
        "PTRACE_SECCOMP_GET_FILTER) and tried with every call's number; a call that is stopped for "
        "some arguments only counts as allowed, and without a filter all count. Of a unikernel it "
        "is QEMU's, which only who has broken out of the guest could use: the guest itself makes "
        "none. Of a container it is init's, not the LXC controller's, which nothing reaches. "
        "Ports: nmap over the first 1,024 of TCP, from the same segment."
    )
    tools = ("ip", "nginx", "nmap", "runc")
    warmup = 0

    def points(self, quick: bool) -> tuple[Point, ...]:
        """A web server."""
        return ({"node": "web"},)

    def cost(self, subject: Subject, point: Point, quick: bool) -> float:
        """The scan of ports."""
        return 1.7

    def measure(
        self, subject: Subject, point: Point, repeat: int, bench: Bench
    ) -> Iterator[Sample]:
        """Starts one and looks at it."""
        with fleet(bench, subject, 1) as chosen:
            (instance,) = chosen.instances
            chosen.start(instance)
            process = chosen.starter.processes([instance])[instance.name][-1]
            calls = allowed_calls(process)
            yield self.sample(subject, point, repeat, calls)
            found = _open_ports(chosen)
            yield self.sample(
                subject, point, repeat, len(found), figure=self.ports, detail={"open": list(found)}
            )


@dataclass(frozen=True, slots=True)
class _Made:
    size: int
    sections: Sections
    files: int
    detail: Detail


def _unikernel(image: Path) -> _Made:
    found = sections(image)
    return _Made(image.stat().st_size, found, 1, _detail(found))


def _container(image: Path, bench: Bench) -> _Made:
    listed = subprocess.run(
        ["unsquashfs", "-lln", str(image)], capture_output=True, text=True, check=True
    )
    files = sum(line.startswith("-") for line in listed.stdout.splitlines())
    told = subprocess.run(["unsquashfs", "-cat", str(image), "init"], capture_output=True)
    if told.returncode != 0:
        raise BenchError(f"{image} has no init: {told.stderr.decode(errors='replace').strip()}")
    init = bench.scratch / f"{image.name}.init"
    init.write_bytes(told.stdout)
    try:
        found = sections(init)
    finally:
        init.unlink()
    return _Made(image.stat().st_size, found, files, _detail(found))


def _stock() -> _Made:
    nginx = program("nginx")
    parts = (nginx, *libraries(nginx))
    found = sections(nginx)
    for part in parts[1:]:
        found += sections(part)
    size = sum(part.stat().st_size for part in parts)
    return _Made(size, found, len(parts), {**_detail(found), **_packages(parts)})


def _packages(parts: Sequence[Path]) -> Detail:
    """KiB that dpkg says the packages of these files have installed, all of them together."""
    owners = subprocess.run(["dpkg-query", "--search", *parts], capture_output=True, text=True)
    names = sorted({line.partition(": ")[0] for line in owners.stdout.splitlines()})
    if not names:
        return {}
    shown = subprocess.run(
        ["dpkg-query", "--show", "--showformat", "${Installed-Size}\n", *names],
        capture_output=True,
        text=True,
        check=True,
    )
    return {"packages": ", ".join(names), "installed_kib": sum(map(int, shown.stdout.split()))}


def _detail(found: Sections) -> Detail:
    return {"constants": found.constants, "variables": found.variables}


def _open_ports(chosen: Fleet) -> tuple[int, ...]:
    """The TCP ports that a neighbour finds open."""
    instance = chosen.instances[0]
    place = chosen.neighbour()
    place.attach()
    try:
        command = ["nmap", "-n", "-Pn", "-sS", "-p", "1-1024", "-oG", "-"]
        done = place.run([*command, str(instance.address.ip)], timeout=120)
    finally:
        place.detach()
    if done.returncode != 0:
        raise BenchError(f"nmap: {done.stderr.strip()}")
    parts = done.stdout.replace(",", " ").split()
    return tuple(int(part.partition("/")[0]) for part in parts if "/open/tcp/" in part)
