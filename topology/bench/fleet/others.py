"""The same service started in ways that need no libvirt: Debian's runc, and a plain process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from topology.bench.errors import BenchError
from topology.bench.fleet.code import program
from topology.bench.fleet.instances import Instance
from topology.bench.fleet.processes import children
from topology.bench.fleet.start import Ground, Start, Starter, mount_image, unmount
from topology.bench.stock.files import nginx_files
from topology.probe.errors import ProbeError

__all__ = ["NginxStarter", "RuncStarter"]

_UNITS = 1 << 20


class _Wired(Starter):
    """An instance in a network namespace with one veth pair, as container engines make them."""

    def _wire(self, instance: Instance, *, address: bool) -> None:
        space = port = instance.port
        bridge = instance.domain.nics[0].bridge
        lines = [
            f"netns add {space}",
            f"link add {port} type veth peer name eth0 address {instance.mac} netns {space}",
            f"link set {port} master {bridge} up",
        ]
        self._batch(lines)
        if address:
            self._batch(
                ["link set eth0 up", f"address add {instance.address} dev eth0"], "-n", space
            )

    def _batch(self, lines: Sequence[str], *options: str) -> None:
        path = self.ground.directory / f"{os.getpid()}-{time.monotonic_ns()}.ip"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        try:
            self.ground.run("ip", *options, "-batch", str(path))
        finally:
            path.unlink()

    def _unwire(self, instance: Instance) -> None:
        # The kernel takes a namespace apart in its own time: the port goes by name.
        run = self.ground.surroundings.run
        run(["ip", "link", "delete", instance.port], check=False)
        run(["ip", "netns", "delete", instance.port], check=False)


class RuncStarter(_Wired):
    """Our container's root and configuration under runc, as a bundle (OCI runtime specification).

    It runs without a user namespace, as engines run containers unless told otherwise: init gives
    up its privileges itself.
    """

    def prepare(self, instance: Instance) -> None:
        """Writes the bundle."""
        super().prepare(instance)
        bundle = self._bundle(instance)
        bundle.mkdir(exist_ok=True)
        text = json.dumps(_specification(instance, self.config(instance), self.console(instance)))
        (bundle / "config.json").write_text(text, encoding="utf-8")

    def start(self, instance: Instance) -> Start:
        """Mounts the root, makes the wire, runs the bundle."""
        began = time.monotonic()
        self.console(instance).write_bytes(b"")
        mount_image(self.ground, instance.domain.image.path, self._bundle(instance) / "rootfs")
        self._wire(instance, address=False)
        prepared = time.monotonic()
        bundle = str(self._bundle(instance))
        # Its own terminal is not ours: init says all on its console.
        command = ["sh", "-c", 'exec "$@" </dev/null >/dev/null 2>"$0"', f"{bundle}/errors"]
        try:
            self.ground.run(
                *command, *self._runc("run", "--detach", "--bundle", bundle), instance.port
            )
        except ProbeError as error:
            told = Path(bundle, "errors").read_text(encoding="utf-8", errors="replace")
            raise BenchError(f"runc does not start an instance: {told.strip()}") from error
        return Start(began, prepared, time.monotonic())

    def stop(self, instance: Instance) -> None:
        """Kills it and takes away what it had."""
        command = self._runc("delete", "--force")
        self.ground.surroundings.run([*command, instance.port], check=False)
        self._unwire(instance)
        unmount(self.ground, self._bundle(instance) / "rootfs")

    def processes(self, started: Sequence[Instance]) -> Mapping[str, tuple[int, ...]]:
        """Its init: runc itself is gone once it runs."""
        found = {}
        marks = {str(self.console(instance)): instance.name for instance in started}
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if (entry / "cmdline").read_bytes() == b"/init\0":
                    for line in (entry / "mountinfo").read_text(encoding="utf-8").splitlines():
                        bound = line.split()
                        for console, name in marks.items():
                            if bound[4] == "/console" and console.endswith(bound[3]):
                                found[name] = (int(entry.name),)
        return found

    def _runc(self, *arguments: str) -> list[str]:
        return ["runc", "--root", str(self.ground.directory / "runc"), *arguments]

    def _bundle(self, instance: Instance) -> Path:
        return self.ground.directory / f"{instance.name}.bundle"


class NginxStarter(_Wired):
    """nginx, one worker, in a network namespace: the least that serves the page."""

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        self._started: dict[str, subprocess.Popen[bytes]] = {}

    def prepare(self, instance: Instance) -> None:
        """Writes the page and the configuration: that of the stock reference network."""
        directory = self._directory(instance)
        directory.mkdir(exist_ok=True)
        directory.chmod(0o755)
        for name, content in nginx_files(instance.node, directory).items():
            (directory / name).write_bytes(content)

    def made_of(self, instance: Instance) -> tuple[Path, ...]:
        """nginx itself, its configuration and the page."""
        return (program("nginx"), *sorted(self._directory(instance).iterdir()))

    def start(self, instance: Instance) -> Start:
        """Makes the wire and starts nginx in it."""
        began = time.monotonic()
        self._wire(instance, address=True)
        prepared = time.monotonic()
        command = ["ip", "netns", "exec", instance.port, "nginx", "-e", "stderr"]
        command += ["-c", str(self._directory(instance) / "nginx.conf")]
        self._started[instance.name] = subprocess.Popen(
            self.ground.surroundings.command(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return Start(began, prepared, time.monotonic())

    def stop(self, instance: Instance) -> None:
        """Kills it and takes its wire away."""
        for process in self.processes([instance]).get(instance.name, ()):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        if started := self._started.pop(instance.name, None):
            started.kill()
            started.wait()
        self._unwire(instance)

    def processes(self, started: Sequence[Instance]) -> Mapping[str, tuple[int, ...]]:
        """Master and worker."""
        marks = {f"-c {self._directory(one) / 'nginx.conf'}": one.name for one in started}
        found: dict[str, tuple[int, ...]] = {}
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                line = (entry / "cmdline").read_bytes().rstrip(b"\0 ").decode(errors="replace")
                if line.startswith("nginx: master process"):
                    for mark, name in marks.items():
                        if line.endswith(mark):
                            found[name] = (int(entry.name), *children(int(entry.name)))
        return found

    def _directory(self, instance: Instance) -> Path:
        return self.ground.directory / f"{instance.name}.nginx"


def _specification(instance: Instance, config: Path, console: Path) -> Mapping[str, object]:
    """The bundle's configuration (OCI runtime specification 1.0.2), as our container needs it."""
    boot = instance.domain.boot
    capabilities = [f"CAP_{name.upper()}" for name in boot.capabilities]
    kinds = ("bounding", "effective", "permitted")
    spaces: list[dict[str, str]] = [
        {"type": kind} for kind in ("cgroup", "ipc", "mount", "pid", "uts")
    ]
    spaces.append({"type": "network", "path": f"/run/netns/{instance.port}"})
    return {
        "ociVersion": "1.0.2",
        "process": {
            "args": [boot.init],
            "cwd": "/",
            "user": {"uid": 0, "gid": 0},
            "capabilities": dict.fromkeys(kinds, capabilities),
        },
        "root": {"path": "rootfs", "readonly": True},
        "hostname": instance.name,
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {
                "destination": "/dev",
                "type": "tmpfs",
                "source": "tmpfs",
                "options": ["nosuid", "mode=755", "size=64k"],
            },
            {
                "destination": "/sys",
                "type": "sysfs",
                "source": "sysfs",
                "options": ["nosuid", "noexec", "nodev", "ro"],
            },
            _bound(config, "/config.json", "ro"),
            _bound(console, "/console", "rw"),
        ],
        "linux": {
            "namespaces": spaces,
            "resources": {"memory": {"limit": instance.domain.memory * _UNITS}},
        },
    }


def _bound(source: Path, destination: str, mode: str) -> Mapping[str, object]:
    options = ["bind", mode]
    return {"destination": destination, "type": "bind", "source": str(source), "options": options}
