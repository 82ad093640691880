"""Unikernels booted by QEMU itself, on bridges in a network namespace of the test's own.

Neither libvirt nor the plan takes part: what fails here is the machine or a service.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.containers import eventually

_HOLDER = (
    "mount -t tmpfs tmpfs /run && mkdir /run/netns && ip link set lo up && echo ready"
    " && exec sleep infinity"
)
_PROCESSORS = {"kvm": "host,-arch-capabilities", "tcg": "qemu64,+rdrand,enforce"}


@dataclass
class Guest:
    """A virtual machine that runs, and its console."""

    process: subprocess.Popen[bytes]
    log: Path

    def lines(self) -> list[dict[str, Any]]:
        """What the console says so far, whole lines only."""
        text = self.log.read_text(encoding="utf-8") if self.log.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line[-1] == "\n"]

    def find(self, event: str) -> dict[str, Any] | None:
        """The last line of a kind, if there is one."""
        return next((line for line in reversed(self.lines()) if line["event"] == event), None)

    def wait(self, event: str, seconds: float = 10.0) -> dict[str, Any]:
        """The last line of a kind, waited for; fails the test when it takes too long."""
        return eventually(lambda: self.find(event), f"{event} on the console", seconds)

    def ended(self, seconds: float = 10.0) -> int:
        """QEMU's exit status, waited for."""
        return self.process.wait(seconds)

    def processor_ticks(self) -> int:
        """Processor time that QEMU has used, in hundredths of a second."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii")
        user, system = fields.rpartition(")")[2].split()[11:13]
        return int(user) + int(system)


@dataclass
class Wires:
    """A network namespace with bridges, guests on them and clients."""

    pid: int
    folder: Path
    stack: contextlib.ExitStack
    taps: int = 0
    bridges: set[str] = field(default_factory=set)

    def inside(self, *command: str, namespace: str | None = None) -> list[str]:
        """The command line that runs `command` there, or in a namespace within."""
        within = ("ip", "netns", "exec", namespace) if namespace else ()
        return ["nsenter", f"--target={self.pid}", "--net", "--mount", "--", *within, *command]

    def run(
        self, *command: str, namespace: str | None = None, check: bool = True, seconds: float = 30
    ) -> str:
        """The output of a command run there; fails the test if it fails."""
        done = subprocess.run(
            self.inside(*command, namespace=namespace),
            capture_output=True,
            text=True,
            timeout=seconds,
        )
        assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def bridge(self, name: str) -> None:
        """Makes a bridge unless it is there."""
        if name not in self.bridges:
            self.bridges.add(name)
            self.run("ip", "link", "add", name, "type", "bridge", "forward_delay", "0")
            self.run("ip", "link", "set", name, "up")

    def client(self, name: str, bridge: str, address: str, gateway: str | None = None) -> None:
        """Makes a namespace with one address on a bridge, and a default route if told."""
        self.bridge(bridge)
        self.run("ip", "netns", "add", name)
        self.run("ip", "link", "add", f"c-{name}", "type", "veth", "peer", "name", "eth0")
        self.run("ip", "link", "set", "eth0", "netns", name)
        self.run("ip", "link", "set", f"c-{name}", "master", bridge, "up")
        self.run("ip", "link", "set", "lo", "up", namespace=name)
        self.run("ip", "link", "set", "eth0", "up", namespace=name)
        self.run("ip", "address", "add", address, "dev", "eth0", namespace=name)
        if gateway:
            self.run("ip", "route", "add", "default", "via", gateway, namespace=name)

    def boot(
        self,
        image: Path,
        module: bytes | None,
        accelerator: str,
        *,
        nics: Sequence[tuple[str, str]] = (),
        memory: int = 8,
        disk: Path | None = None,
    ) -> Guest:
        """Starts a guest with a boot module; `nics` are (bridge, MAC), `memory` is in MiB.

        `disk` is a file to be read as a virtio disk.
        """
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        log = folder / "console"
        command = [
            "qemu-system-x86_64",
            *("-machine", f"pc,accel={accelerator}", "-cpu", _PROCESSORS[accelerator]),
            *("-m", str(memory), "-bios", "qboot.rom", "-kernel", str(image)),
            *("-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"),
            *("-serial", f"file:{log}"),
        ]
        if module is not None:
            (folder / "module").write_bytes(module)
            command += ["-initrd", str(folder / "module")]
        if disk is not None:
            command += [
                *("-drive", f"file={disk},if=none,id=data,format=raw,readonly=on"),
                *("-device", "virtio-blk-pci,drive=data,disable-legacy=on"),
            ]
        for bridge, mac in nics:
            self.bridge(bridge)
            tap = f"t{self.taps}"
            self.taps += 1
            self.run("ip", "tuntap", "add", tap, "mode", "tap", "vnet_hdr")
            self.run("ip", "link", "set", tap, "master", bridge, "up")
            command += [
                *("-netdev", f"tap,id={tap},ifname={tap},script=no,downscript=no"),
                *("-device", f"virtio-net-pci,netdev={tap},mac={mac},romfile="),
            ]
        stderr = self.stack.enter_context((folder / "stderr").open("wb"))
        process = self.stack.enter_context(subprocess.Popen(self.inside(*command), stderr=stderr))
        self.stack.callback(process.kill)
        return Guest(process, log)

    def boot_node(self, images: Mapping[str, Path], config: bytes, accelerator: str) -> Guest:
        """Starts the guest that a configuration document is for, and waits until it serves.

        Bridges are named by the document's interfaces.
        """
        document = json.loads(config)
        nics = [(one["name"], one["mac"]) for one in document["interfaces"]]
        guest = self.boot(images[document["kind"]], config, accelerator, nics=nics)
        guest.wait("ready")
        return guest


@contextlib.contextmanager
def wires(folder: Path) -> Iterator[Wires]:
    """A network namespace that is gone, with all that ran in it, at the end."""
    command = ["unshare", "--net", "--mount", "--propagation", "private", "sh", "-c", _HOLDER]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE) as holder,
        contextlib.ExitStack() as stack,
    ):
        stack.callback(holder.kill)
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"ready\n"
        yield Wires(holder.pid, folder, stack)
