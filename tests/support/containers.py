"""Containers of a planned deployment in a private libvirt of the test's own, without Pulumi.

The domains' XML is the one that is deployed; networks are plain bridges and the outside client
a network namespace. Everything is gone with the libvirt when the fixture ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from sandbox import daemon, paths
from tests.support.golden import PROJECT
from topology.bench.storage import bind_data
from topology.pipeline import require_file
from topology.plan import plan
from topology.plan.types import (
    Accelerator,
    Deployment,
    ImageRef,
    PlannedDomain,
    PlannedSegment,
    RootFilesystem,
    Variant,
)
from topology.render.domain_xml import (
    CONTAINER_UID,
    ContainerFiles,
    container_element,
    xml_text,
)
from topology.resolve.types import Dataplane, ReversePath

_Answer = TypeVar("_Answer")

_NETWORK = """\
<network><name>{name}</name><mtu size='{mtu}'/><bridge name='{bridge}' stp='off' delay='0'/>
</network>"""


def eventually(ask: Callable[[], _Answer | None], what: str, seconds: float = 10.0) -> _Answer:
    """What `ask` says once it says something; fails the test when it takes too long."""
    deadline = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
        time.sleep(0.01)


@dataclass
class Libvirt:
    """A private libvirt, entered and spoken to."""

    lab: paths.Lab

    def inside(self, *command: str, namespace: str | None = None) -> list[str]:
        """The command line that runs `command` where libvirt does, or in a namespace there."""
        spaces = self.lab.namespaces
        enter = [
            *("nsenter", f"--net={spaces / 'net'}", f"--mount={spaces / 'mnt'}"),
            *(f"--pid={spaces / 'pid'}", "--wdns=/", "--"),
        ]
        return [*enter, *(("ip", "netns", "exec", namespace) if namespace else ()), *command]

    def run(
        self, *command: str, namespace: str | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command there for at most half a minute; fails the test if it fails."""
        done = subprocess.run(
            self.inside(*command, namespace=namespace),
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done

    def virsh(self, *arguments: str, check: bool = True) -> str:
        """What virsh says on the LXC connection."""
        command = ["virsh", "--quiet", "--connect", self.lab.lxc_uri, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        assert not check or done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout.strip()

    def define(self, kind: str, xml: str, *, check: bool = True) -> None:
        """Creates something from XML."""
        path = self.lab.state / "definition.xml"
        path.write_text(xml, encoding="utf-8")
        self.virsh(kind, str(path), check=check)


@contextlib.contextmanager
def open_directory() -> Iterator[Path]:
    """A temporary directory that the root of a mapped container may enter."""
    with tempfile.TemporaryDirectory(prefix="containers-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        yield directory


@contextlib.contextmanager
def private_libvirt() -> Iterator[Libvirt]:
    """A private libvirt, ended with all that it holds."""
    with open_directory() as directory:
        places = {"LAB_STATE": str(directory / "state"), "LAB_RUN": str(directory / "run")}
        lab = paths.find(places)
        daemon.start(lab)
        try:
            yield Libvirt(lab)
        finally:
            daemon.stop(lab)


@dataclass
class Container:
    """A container that was started."""

    libvirt: Libvirt
    domain: PlannedDomain
    console: Path

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What it has written to its console."""
        text = self.console.read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]

    def events(self, event: str) -> list[dict[str, Any]]:
        """Its console lines of one event."""
        return [line for line in self.lines if line["event"] == event]

    def wait_for(self, event: str, seconds: float = 10.0) -> dict[str, Any]:
        """Its first console line of one event."""
        what = f"{self.domain.node} says {event}"
        return eventually(lambda: self.events(event), what, seconds)[0]

    @property
    def counters(self) -> dict[str, int]:
        """The counters that it wrote last."""
        written = self.events("counters")
        return dict(written[-1]["counters"]) if written else {}

    @property
    def processes(self) -> list[Path]:
        """Where its init is in this host's /proc, if it runs: the console bound into it tells."""
        mark = str(self.console)
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (entry / "cmdline").read_bytes() == b"/init\0" and mark in (
                    entry / "mountinfo"
                ).read_text():
                    found.append(entry)
        return found

    @property
    def runs(self) -> bool:
        """Whether its init runs; libvirt's word comes later, and once in a while never."""
        return bool(self.processes)

    @property
    def process(self) -> Path:
        """Where its init is in this host's /proc."""
        (process,) = self.processes
        return process

    @property
    def status(self) -> dict[str, str]:
        """Its init's /proc/PID/status."""
        lines = (self.process / "status").read_text().splitlines()
        return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}

    def enter(self, *command: str) -> str:
        """What a program of the host prints in the container's network namespace."""
        enter = ["nsenter", f"--net={self.process / 'ns/net'}", "--", *command]
        done = subprocess.run(enter, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout


@dataclass
class Bench:
    """Deployments in a private libvirt."""

    libvirt: Libvirt
    directory: Path
    containers: dict[str, Container] = field(default_factory=dict)
    roots: list[str] = field(default_factory=list)

    def segments(self, deployment: Deployment) -> None:
        """Creates the deployment's networks."""
        for segment in deployment.segments:
            self._network(segment)

    def _network(self, segment: PlannedSegment) -> None:
        xml = _NETWORK.format(name=segment.network, mtu=segment.mtu, bridge=segment.bridge)
        self.libvirt.define("net-create", xml)

    def start(
        self,
        domain: PlannedDomain,
        config: bytes | None = None,
        *,
        dies: bool = False,
        data: Path | None = None,
    ) -> Container:
        """Starts one domain, with another configuration document if one is given.

        libvirt may find that one that `dies` at once has never started. `data` is a file to be
        bound as a storage trial's.
        """
        console = self.directory / f"{domain.node}.console"
        console.write_bytes(b"")
        mapped = domain.boot.root is RootFilesystem.MOUNT
        os.chown(console, CONTAINER_UID if mapped else 0, -1)
        path = self.directory / f"{domain.node}.json"
        path.write_bytes(domain.config if config is None else config)
        path.chmod(0o644)
        root = self._mount(domain) if mapped else self._image(domain)
        files = ContainerFiles(root=root, config=str(path), console=str(console))
        element = container_element(domain, files)
        if data is not None:
            bind_data(element, data)
        self.libvirt.define("create", xml_text(element), check=not dies)
        self.containers[domain.node] = Container(self.libvirt, domain, console)
        return self.containers[domain.node]

    def _image(self, domain: PlannedDomain) -> str:
        # The kernel's record of a loop device's file, which libvirt fills in, has 63 characters.
        image = self.directory / f"{domain.node}.image"
        shutil.copyfile(domain.image.path, image)
        return str(image)

    def _mount(self, domain: PlannedDomain) -> str:
        root = self.directory / f"{domain.name}.root"
        root.mkdir(exist_ok=True)
        options = "loop,ro,suid,dev,exec"
        self.libvirt.run("mount", "-o", options, str(domain.image.path), str(root))
        self.roots.append(str(root))
        return str(root)

    def client(self, name: str, bridge: str, addresses: list[str], via: Mapping[str, str]) -> None:
        """Makes a network namespace on a bridge, with routes by prefix."""
        run = self.libvirt.run
        run("ip", "netns", "add", name)
        run("ip", "link", "add", name, "type", "veth", "peer", "eth0", "netns", name)
        run("ip", "link", "set", name, "master", bridge, "up")
        for link in ("lo", "eth0"):
            run("ip", "link", "set", link, "up", namespace=name)
        for address in addresses:
            nodad = ["nodad"] if ":" in address else []
            run("ip", "address", "add", address, "dev", "eth0", *nodad, namespace=name)
        for prefix, gateway in via.items():
            run("ip", "route", "add", prefix, "via", gateway, namespace=name)

    def outside(self, deployment: Deployment) -> str:
        """Makes the deployment's first outside client and returns its namespace's name."""
        client = deployment.outside[0]
        routes = {route.prefix: route.via for route in client.routes}
        self.client(client.node, client.bridge, list(client.addresses), routes)
        return client.node

    def deploy(self, deployment: Deployment) -> None:
        """Starts everything and waits until all of it is ready."""
        self.segments(deployment)
        for domain in deployment.domains:
            self.start(domain)
        for container in self.containers.values():
            container.wait_for("ready")

    def clear(self) -> None:
        """Ends every container, network, client and mount."""
        for name in self.libvirt.virsh("list", "--name").split():
            # It may end by itself meanwhile.
            self.libvirt.virsh("destroy", name, check=False)
        self.containers.clear()
        for root in self.roots:
            self.libvirt.run("umount", "--lazy", root)
        self.roots.clear()
        for name in self.libvirt.virsh("net-list", "--name").split():
            self.libvirt.virsh("net-destroy", name)
        for line in self.libvirt.run("ip", "netns", "list").stdout.splitlines():
            self.libvirt.run("ip", "netns", "delete", line.split()[0])


@contextlib.contextmanager
def cleared(libvirt: Libvirt) -> Iterator[Bench]:
    """A bench that is cleared."""
    with open_directory() as directory:
        bench = Bench(libvirt, directory)
        try:
            yield bench
        finally:
            bench.clear()


def planned(
    images: dict[str, ImageRef],
    rootfs: RootFilesystem = RootFilesystem.MOUNT,
    dataplane: Dataplane = Dataplane.KERNEL,
    reverse_path: ReversePath = ReversePath.STRICT,
) -> Deployment:
    """The proof of concept as containers."""
    topology = require_file(PROJECT / "poc.yaml")
    nodes = {
        name: replace(node, dataplane=dataplane, reverse_path=reverse_path)
        if node.kind.forwards
        else node
        for name, node in topology.nodes.items()
    }
    return plan(
        replace(topology, nodes=nodes),
        stack="test",
        variant=Variant.CONTAINERS,
        images=images,
        accelerator=Accelerator.KVM,
        rootfs=rootfs,
        consoles="/unused",
    )
