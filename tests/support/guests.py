"""Unikernels booted by QEMU itself, on bridges in a network namespace of the test's own.

Neither libvirt nor the plan takes part: what fails here is the machine or a service.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from tests.support.containers import eventually
from topology.image import ensure, project_root
from topology.platforms.types import Variant

_HOLDER = (
    "mount -t tmpfs tmpfs /run && mkdir /run/netns && ip link set lo up && echo ready"
    " && exec sleep infinity"
)
_CUT = re.compile(r'^(?!\{"event":"fatal").+\n(?=\{"event":"boot")', re.MULTILINE)
_PROCESSORS = {"kvm": "host,-arch-capabilities", "tcg": "qemu64,+rdrand,enforce"}


@cache
def _firmware() -> Path:
    return ensure(Variant.UNIKERNEL, ("firmware",), root=project_root())["firmware"].path


@dataclass
class Keyboard:
    """Types on a console."""

    connection: socket.socket

    def type(self, data: bytes) -> int:
        """Types as much of `data` as the console takes at once; returns how much."""
        with contextlib.suppress(BlockingIOError):
            return self.connection.send(data, socket.MSG_DONTWAIT)
        return 0

    def listen(self) -> None:
        """Reads what the console says until the end: a full socket would hold it back."""
        # QEMU resets what it has not read when it is hung up on.
        with contextlib.suppress(ConnectionResetError):
            while self.connection.recv(1 << 16):
                pass


@dataclass
class Guest:
    """A virtual machine that runs, and its console."""

    process: subprocess.Popen[bytes]
    log: Path
    folder: Path

    def lines(self) -> list[dict[str, Any]]:
        """What the console says so far, whole lines only."""
        text = self.log.read_text(encoding="utf-8") if self.log.exists() else ""
        whole = text[: text.rfind("\n") + 1]
        # A start begins with an end of line: an empty line, or the end of one that was cut.
        return [json.loads(line) for line in _CUT.sub("", whole).splitlines() if line]

    def find(self, event: str) -> dict[str, Any] | None:
        """The last line of a kind, if there is one."""
        return next((line for line in reversed(self.lines()) if line["event"] == event), None)

    def wait(self, event: str, seconds: float = 10.0) -> dict[str, Any]:
        """The last line of a kind, waited for; fails the test when it takes too long."""
        return eventually(lambda: self.find(event), f"{event} on the console", seconds)

    def starts(self) -> int:
        """How often the guest has started."""
        return sum(line["event"] == "boot" for line in self.lines())

    @contextlib.contextmanager
    def keyboard(self) -> Iterator[Keyboard]:
        """Somebody at the console."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.folder / "console.sock"))
            keyboard = Keyboard(connection)
            listener = threading.Thread(target=keyboard.listen)
            listener.start()
            try:
                yield keyboard
            finally:
                connection.shutdown(socket.SHUT_RDWR)
                listener.join()

    def monitor(self, command: str) -> str:
        """What QEMU's monitor answers to a command (QEMU, "Monitor")."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.folder / "monitor.sock"))
            read = connection.makefile("rb")
            answer = ""
            for name, arguments in (
                ("qmp_capabilities", {}),
                ("human-monitor-command", {"command-line": command}),
            ):
                asked = json.dumps({"execute": name, "arguments": arguments})
                connection.sendall(asked.encode())
                told = next(
                    t for t in map(json.loads, read) if not {"return", "error"}.isdisjoint(t)
                )
                answer = told["return"] if name != "qmp_capabilities" else ""
            return str(answer)

    def overwrite(self, address: int, data: bytes) -> None:
        """Writes to the guest's memory, behind its back (the GDB Remote Serial Protocol)."""
        path = self.folder / "gdb.sock"
        self.monitor(f"gdbserver unix:{path},server=on,wait=off")
        with socket.socket(socket.AF_UNIX) as debugger:
            debugger.settimeout(10)
            debugger.connect(str(path))
            for packet in (f"M{address:x},{len(data):x}:{data.hex()}", "D"):
                debugger.sendall(f"${packet}#{sum(packet.encode()) % 256:02x}".encode())
                answer = b""
                while not answer.endswith(b"$OK#9a"):
                    answer += (part := debugger.recv(64))
                    assert part, f"the debugger's stub answers {answer!r}"
                debugger.sendall(b"+")
        self.monitor("gdbserver none")

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
        restarts: bool = False,
        properties: str = "",
        nic_properties: str = "",
        firmware: str | None = None,
    ) -> Guest:
        """Starts a guest with a boot module; `nics` are (bridge, MAC), `memory` is in MiB.

        `disk` is a file to be read as a virtio disk. A reset ends the guest unless it `restarts`.
        `properties` are further ones of its virtio devices, `nic_properties` of its interfaces,
        each with a comma before it. `firmware` is this project's own unless told.
        """
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        log = folder / "console"
        command = [
            "qemu-system-x86_64",
            *("-machine", f"pc,accel={accelerator}", "-cpu", _PROCESSORS[accelerator]),
            *("-m", str(memory), "-bios", firmware or str(_firmware()), "-kernel", str(image)),
            *("-nodefaults", "-no-user-config", "-display", "none"),
            *("-chardev", f"{_socket('console', folder)},logfile={log},mux=on"),
            *("-serial", "chardev:console"),
            *("-device", f"virtio-serial-pci,max_ports=1,vectors=1{properties}"),
            *("-device", "virtconsole,chardev=console"),
            *("-chardev", _socket("monitor", folder), "-qmp", "chardev:monitor"),
        ]
        if not restarts:
            command.append("-no-reboot")
        if module is not None:
            (folder / "module").write_bytes(module)
            command += ["-initrd", str(folder / "module")]
        if disk is not None:
            command += [
                *("-drive", f"file={disk},if=none,id=data,format=raw,readonly=on"),
                *("-device", f"virtio-blk-pci,drive=data{properties}"),
            ]
        for bridge, mac in nics:
            self.bridge(bridge)
            tap = f"t{self.taps}"
            self.taps += 1
            self.run("ip", "tuntap", "add", tap, "mode", "tap", "vnet_hdr")
            self.run("ip", "link", "set", tap, "master", bridge, "up")
            command += [
                *("-netdev", f"tap,id={tap},ifname={tap},script=no,downscript=no"),
                *(
                    "-device",
                    f"virtio-net-pci,netdev={tap},mac={mac},romfile={properties}{nic_properties}",
                ),
            ]
        stderr = self.stack.enter_context((folder / "stderr").open("wb"))
        process = self.stack.enter_context(subprocess.Popen(self.inside(*command), stderr=stderr))
        self.stack.callback(process.kill)
        return Guest(process, log, folder)

    def boot_node(
        self,
        images: Mapping[str, Path],
        config: bytes,
        accelerator: str,
        *,
        memory: int = 8,
        restarts: bool = False,
        properties: str = "",
        nic_properties: str = "",
    ) -> Guest:
        """Starts the guest that a configuration document is for, and waits until it serves.

        Bridges are named by the document's interfaces; the rest is as for `boot`.
        """
        document = json.loads(config)
        nics = [(one["name"], one["mac"]) for one in document["interfaces"]]
        guest = self.boot(
            images[document["kind"]],
            config,
            accelerator,
            nics=nics,
            memory=memory,
            restarts=restarts,
            properties=properties,
            nic_properties=nic_properties,
        )
        guest.wait("ready")
        return guest


def _socket(name: str, folder: Path) -> str:
    return f"socket,id={name},path={folder / name}.sock,server=on,wait=off"


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
