"""How an instance is started and stopped: by libvirt as a stack's nodes are, or in another way."""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement

import libvirt

from topology.bench.errors import BenchError
from topology.bench.fleet.instances import Instance
from topology.bench.fleet.processes import domain_processes
from topology.plan.types import RootFilesystem
from topology.probe.identity import open_libvirt
from topology.probe.places import Surroundings
from topology.render.domain_xml import (
    CONTAINER_UID,
    ContainerFiles,
    booted_element,
    container_element,
    xml_text,
)
from topology.render.uri import lxc_uri

__all__ = [
    "Ground",
    "LxcStarter",
    "Start",
    "Starter",
    "UnikernelStarter",
    "mount_image",
    "unmount",
]


@dataclass(frozen=True, slots=True)
class Start:
    """Monotonic seconds: `began` before anything was done for the instance, `prepared` when its
    root or its wire was there, `returned` when who starts it said that it runs."""

    began: float
    prepared: float
    returned: float


@dataclass(frozen=True, slots=True)
class Ground:
    """Where instances are started: libvirt's namespaces, its address, a directory for files."""

    surroundings: Surroundings
    uri: str
    directory: Path

    def run(self, *command: str) -> str:
        """What a command in libvirt's namespaces prints; raises `ProbeError` when it fails."""
        return self.surroundings.run(command).stdout


class Starter(ABC):
    """Starts and stops instances of one subject; safe to be used by several threads."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground

    def prepare(self, instance: Instance) -> None:
        """Writes what is there before a start, as a stack's volumes are; not timed."""
        path = self.config(instance)
        path.write_bytes(instance.domain.config)
        path.chmod(0o644)

    def config(self, instance: Instance) -> Path:
        """The file with its configuration document."""
        return self.ground.directory / f"{instance.name}.json"

    def made_of(self, instance: Instance) -> tuple[Path, ...]:
        """The files that this instance is made of, and no other thing on the host is."""
        return (*(image.path for image in instance.domain.images), self.config(instance))

    def console(self, instance: Instance) -> Path:
        """The file that its console is written to."""
        return Path(instance.domain.console)

    @abstractmethod
    def start(self, instance: Instance) -> Start:
        """Starts it; the call returns when who starts it says so."""

    @abstractmethod
    def stop(self, instance: Instance) -> None:
        """Kills it; nothing where it does not run."""

    @abstractmethod
    def processes(self, started: Sequence[Instance]) -> Mapping[str, tuple[int, ...]]:
        """The processes that are there for each, by their numbers on this host."""

    def close(self) -> None:  # noqa: B027 -- most hold nothing
        """Gives back what the starter itself holds."""


class _Libvirt(Starter):
    def __init__(self, ground: Ground, uri: str) -> None:
        super().__init__(ground)
        self._connection = open_libvirt(uri)

    def stop(self, instance: Instance) -> None:
        """Destroys the domain."""
        with suppress(libvirt.libvirtError):  # it may have ended by itself, or never begun
            self._connection.lookupByName(instance.domain.name).destroy()

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()

    def complete(self, domain: Element, instance: Instance) -> None:
        """Adds to a stack's XML what an instance has besides: the name of its port on the host,
        which libvirt else chooses."""
        interface = domain.find("devices/interface")
        assert interface is not None
        SubElement(interface, "target", dev=instance.port)

    def _create(self, domain: Element) -> None:
        try:
            self._connection.createXML(xml_text(domain), 0)
        except libvirt.libvirtError as error:
            raise BenchError(f"libvirt does not start an instance: {error}") from error

    def processes(self, started: Sequence[Instance]) -> Mapping[str, tuple[int, ...]]:
        """What libvirt runs a domain by, and its children."""
        names = {instance.domain.name: instance.name for instance in started}
        found = domain_processes(names)
        return {names[domain]: processes for domain, processes in found.items()}


class UnikernelStarter(_Libvirt):
    """A domain of the QEMU driver, with the XML that a stack's node has."""

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground, ground.uri)

    def start(self, instance: Instance) -> Start:
        """Creates the domain."""
        image, config = str(instance.domain.image.path), str(self.config(instance))
        firmware = instance.domain.firmware
        assert firmware is not None
        domain = booted_element(
            instance.domain, firmware=str(firmware.path), kernel=image, initrd=config
        )
        self.complete(domain, instance)
        began = time.monotonic()
        self._create(domain)
        return Start(began, began, time.monotonic())


class LxcStarter(_Libvirt):
    """A domain of the LXC driver, with the XML that a stack's node has, its root mounted first."""

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground, lxc_uri(ground.uri))

    def start(self, instance: Instance) -> Start:
        """Makes console and root, then creates the domain."""
        planned = instance.domain
        mapped = planned.boot.root is RootFilesystem.MOUNT
        began = time.monotonic()
        console = self.console(instance)
        console.write_bytes(b"")
        os.chown(console, CONTAINER_UID if mapped else 0, -1)
        root = self._root(instance)
        if mapped:
            mount_image(self.ground, planned.image.path, root)
        files = ContainerFiles(
            str(root if mapped else planned.image.path), str(self.config(instance)), str(console)
        )
        domain = container_element(planned, files)
        self.complete(domain, instance)
        prepared = time.monotonic()
        self._create(domain)
        return Start(began, prepared, time.monotonic())

    def stop(self, instance: Instance) -> None:
        """Destroys the domain and unmounts its root."""
        super().stop(instance)
        unmount(self.ground, self._root(instance))

    def _root(self, instance: Instance) -> Path:
        return self.ground.directory / f"{instance.name}.root"


def mount_image(ground: Ground, image: Path, directory: Path) -> None:
    """Mounts a container's root as a stack's is mounted."""
    directory.mkdir(exist_ok=True)
    ground.run("mount", "-o", "loop,ro,suid,dev,exec", str(image), str(directory))


def unmount(ground: Ground, directory: Path) -> None:
    """Unmounts a container's root; nothing where there is none."""
    if directory.exists():
        ground.surroundings.run(["umount", "--lazy", str(directory)], check=False)
        directory.rmdir()
