"""A lab of a test's own, driven by the real script, and what of it the host can show."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox import cgroups, daemon, paths

ROOT = Path(__file__).resolve().parents[2]
# libvirt's clients want an account; these two are everywhere.
OWNER, STRANGER = pwd.getpwnam("nobody").pw_uid, pwd.getpwnam("daemon").pw_uid

GUEST = """\
<domain type="kvm">
  <name>{name}</name><memory unit="MiB">16</memory><vcpu>1</vcpu>
  <os><type machine="pc">hvm</type></os>
  <cpu mode="host-passthrough"><feature policy="disable" name="arch-capabilities"/></cpu>
  <devices>
    <interface type="network"><source network="{network}"/><model type="virtio"/></interface>
    <serial type="pty"><log file="{console}" append="on"/></serial>
    <memballoon model="none"/>
  </devices>
</domain>
"""
CONTAINER = """\
<domain type="lxc">
  <name>{name}</name><memory unit="MiB">16</memory><vcpu>1</vcpu>
  <os><type>exe</type><init>/init</init></os>
  <idmap>
    <uid start="0" target="1000000" count="65536"/><gid start="0" target="1000000" count="65536"/>
  </idmap>
  <devices>
    <filesystem type="mount"><source dir="{root}"/><target dir="/"/><readonly/></filesystem>
    <interface type="network"><source network="{network}"/></interface>
    <console type="pty"/>
  </devices>
</domain>
"""
NETWORK = '<network><name>{name}</name><bridge name="{bridge}" stp="off"/></network>'
POOL = """\
<pool type="fs" xmlns:fs="http://libvirt.org/schemas/storagepool/fs/1.0">
  <name>root</name>
  <source><device path="{image}"/><format type="auto"/></source>
  <target><path>{target}</path></target>
  <fs:mount_opts><fs:option name="exec"/><fs:option name="dev"/><fs:option name="suid"/>
    <fs:option name="ro"/></fs:mount_opts>
</pool>
"""
MOUNTED = "/var/lib/libvirt/root"


def eventually(condition: Callable[[], bool], what: str, seconds: float = 15.0) -> None:
    """Wait for a condition, or fail when it takes too long."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.02)


@dataclass
class Sandbox:
    """A lab of the test's own, driven by the real script."""

    directory: Path
    owner: int = 0

    @property
    def environment(self) -> dict[str, str]:
        variables = {
            **{key: value for key, value in os.environ.items() if not key.startswith("SUDO_")},
            "LAB_STATE": str(self.directory / "state"),
            "LAB_RUN": str(self.directory / "run"),
        }
        if self.owner:
            variables |= {
                "SUDO_UID": str(self.owner),
                "SUDO_GID": str(self.owner),
                "LAB_CACHE": str(self.directory / "cache"),
            }
        return variables

    @property
    def lab(self) -> paths.Lab:
        return paths.find(self.environment)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [ROOT / "lab", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def start(self) -> None:
        done = self.run("daemon", "start")
        assert done.returncode == 0, done.stderr

    def down(self) -> None:
        done = self.run("down")
        assert done.returncode == 0, done.stderr

    def virsh(self, *arguments: str, lxc: bool = False) -> str:
        uri = self.lab.lxc_uri if lxc else self.lab.uri
        command = ["virsh", "--quiet", "--connect", uri, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def written(self, text: str) -> str:
        path = self.directory / "definition.xml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    def define(self, kind: str, text: str, *, lxc: bool = False) -> None:
        self.virsh(kind, self.written(text), lxc=lxc)

    def network(self, name: str = "segment", bridge: str = "tpsandbox") -> None:
        self.define("net-create", NETWORK.format(name=name, bridge=bridge))

    def guest(self, name: str = "guest", network: str = "segment") -> None:
        console = self.lab.consoles / f"{name}.log"
        self.define("create", GUEST.format(name=name, network=network, console=console))

    def container(self, image: Path, name: str = "container", network: str = "segment") -> None:
        self.virsh("pool-create", self.written(POOL.format(image=image, target=MOUNTED)), "--build")
        xml = CONTAINER.format(name=name, network=network, root=MOUNTED)
        self.define("create", xml, lxc=True)

    @property
    def keeper(self) -> int:
        (found,) = daemon.keepers(self.lab)
        return found

    def members(self) -> set[int]:
        """Return the processes of the lab as the host numbers them, the keeper included."""
        parents: dict[int, int] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                try:
                    fields = (entry / "stat").read_text().rpartition(") ")[2].split()
                except OSError:
                    continue
                parents[int(entry.name)] = int(fields[1])
        found = {self.keeper}
        while grown := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= grown
        return found

    def member(self, word: str) -> int:
        """Return the lab's process whose program is called `word`."""
        for pid in self.members():
            program = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode()
            if Path(program).name == word:
                return pid
        pytest.fail(f"the lab has no process {word}")


def identity(pid: int) -> str:
    """Return what tells a process from a later one with its number."""
    return f"{pid} {Path(f'/proc/{pid}/stat').read_text().rpartition(') ')[2].split()[19]}"


def lives(told: str) -> bool:
    try:
        pid = int(told.split(maxsplit=1)[0])
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
        return state != "Z" and identity(pid) == told
    except OSError:
        return False


@dataclass
class Host:
    """What of the host a lab must leave as it is."""

    links: str
    rules: str
    namespaces: str

    @classmethod
    def look(cls) -> Host:
        def said(*command: str) -> str:
            return subprocess.run(command, capture_output=True, text=True, check=True).stdout

        links = json.loads(said("ip", "-json", "link"))
        return cls(
            links=str(sorted(link["ifname"] for link in links)),
            rules=said("nft", "--stateless", "list", "ruleset"),
            namespaces=said("ip", "netns", "list"),
        )


def traces(directory: Path, group: str) -> list[str]:
    """Return every trace of a lab that the host can show, by the lab's directory and group."""
    found = [f"mount {line}" for line in lines("/proc/self/mountinfo") if str(directory) in line]
    loops = subprocess.run(
        ["losetup", "--list", "--noheadings", "--output", "NAME,BACK-FILE"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found += [f"loop {line}" for line in loops.splitlines() if str(directory) in line]
    found += [f"control group {path}" for path in cgroups.groups(group)]
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if os.fsencode(directory) in words:
                found.append(f"process {words!r}")
    return found


def lines(path: str) -> list[str]:
    return Path(path).read_text(encoding="utf-8").splitlines()
