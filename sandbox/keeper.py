"""The keeper: the process that holds a lab's namespaces and the daemons in them.

It is the first process of a PID namespace, so that when it dies, by whatever signal, the kernel
kills every daemon, guest and container of the lab, and with the last of them go the network
namespace, its bridges, the mounts and the loop devices behind them.

    sandbox.keeper DIRECTORIES-AS-JSON
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from . import cgroups, emulator, libvirt_config, syscalls
from .syscalls import CloneFlag, MountFlag

__all__ = ["NAMESPACES", "Plan", "main"]

# The files bound under <run>/ns, named as in /proc/<pid>/ns.
NAMESPACES = ("cgroup", "mnt", "net", "pid")

# libvirt's own places, which the lab's directories stand in for.
PLACES = {
    "etc": "/etc/libvirt",
    "lib": "/var/lib/libvirt",
    "log": "/var/log/libvirt",
    "cache": "/var/cache/libvirt",
}

# The families whose rules the kernel may apply to what bridges pass on.
BRIDGED = ("iptables", "ip6tables", "arptables")

SOCKETS = ("libvirt-sock", "libvirt-sock-ro", "libvirt-admin-sock")

# A libvirtd that dies is started again, and finds its guests running; one that dies this often
# within this many seconds is broken, and the lab goes down with its reason in the log.
RESTARTS = 5
RESTART_WINDOW = 60.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What the keeper is told: the lab's directories, its control group and its owner."""

    run: str
    state: str
    cache: str
    cgroup: str
    uid: int
    gid: int

    def encode(self) -> str:
        """Return the plan as the keeper's one argument."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def decode(cls, text: str) -> Plan:
        """Return the plan in an argument; raises ValueError or TypeError."""
        return cls(**json.loads(text))


def say(text: str) -> None:
    """Write a line to the keeper's log."""
    print(time.strftime("%Y-%m-%dT%H:%M:%S"), text, flush=True)


def main(argument: str) -> int:
    """Make the namespaces, fork their first process, bind them as files, and leave."""
    plan = Plan.decode(argument)
    cgroups.enter(plan.cgroup)
    syscalls.unshare(CloneFlag.NETWORK | CloneFlag.PID | CloneFlag.CGROUP)
    cgroups.leave_root(plan.cgroup)
    made_read, made_write = os.pipe()
    bound_read, bound_write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(made_read)
        os.close(bound_write)
        return _first_process(plan, made_write, bound_read)
    os.close(made_write)
    os.close(bound_read)
    if os.read(made_read, 1) != b"1":
        say("the namespaces could not be furnished")
        return 1
    bind_namespaces(Path(plan.run) / "ns", child)
    os.write(bound_write, b"1")
    return 0


def bind_namespaces(directory: Path, pid: int) -> None:
    """Bind the namespaces of a process as files in a directory; raises OSError."""
    directory.mkdir(exist_ok=True)
    syscalls.mount(directory, directory, flags=MountFlag.BIND)
    # The kernel refuses a mount namespace in a place that would show in that namespace itself.
    syscalls.mount("none", directory, flags=MountFlag.PRIVATE)
    for name in NAMESPACES:
        target = directory / name
        target.touch(exist_ok=True)
        syscalls.mount(f"/proc/{pid}/ns/{name}", target, flags=MountFlag.BIND)


def _first_process(plan: Plan, made: int, bound: int) -> int:
    os.setsid()
    syscalls.unshare_younger_mounts()
    furnish(plan)
    os.write(made, b"1")
    os.close(made)
    if os.read(bound, 1) != b"1":  # the outer half died: nothing can find this lab
        say("the namespaces could not be bound")
        return 1
    os.close(bound)
    return Supervisor(plan).run()


def furnish(plan: Plan) -> None:
    """Make the mounts that the daemons see, in a fresh mount namespace; raises OSError."""
    # What is mounted here stays here; what the host unmounts is not held on to.
    syscalls.mount("none", "/", flags=MountFlag.RECURSIVE | MountFlag.SLAVE)
    shared = [Path(plan.run), Path(plan.state), Path(plan.cache)]
    handles = {path: os.open(path, os.O_PATH | os.O_DIRECTORY) for path in shared}
    # Libvirt must find neither the host's libvirt nor systemd, D-Bus or named namespaces.
    syscalls.mount("tmpfs", "/run", "tmpfs", MountFlag.NOSUID | MountFlag.NODEV, "mode=755")
    for path, handle in handles.items():
        if not path.exists():
            path.mkdir(parents=True)
            syscalls.mount(
                f"/proc/self/fd/{handle}", path, flags=MountFlag.BIND | MountFlag.RECURSIVE
            )
        os.close(handle)
    for name in ("libvirt", "lock", "netns"):
        Path("/run", name).mkdir()
    cgroups.remount(fresh_sysfs)
    cgroups.make_partition()
    keep_rules_off_bridges()
    libvirt = Path(plan.state) / "libvirt"
    for name, place in PLACES.items():
        Path(place).mkdir(parents=True, exist_ok=True)
        (libvirt / name).mkdir(parents=True, exist_ok=True)
        syscalls.mount(libvirt / name, place, flags=MountFlag.BIND)
    for name, text in libvirt_config.files(Path(plan.run), Path(plan.state) / "logs").items():
        Path("/etc/libvirt", name).write_text(text, encoding="utf-8")
    qemu = shutil.which(emulator.NAME)
    if qemu is not None:
        before = emulators(plan) / emulator.NAME
        before.parent.mkdir(exist_ok=True)
        before.write_bytes(emulator.elf(qemu))
        before.chmod(0o755)
    for name in ("passwd", "group"):
        amended = libvirt / name
        host = Path("/etc", name).read_text(encoding="utf-8")
        amended.write_text(libvirt_config.accounts(name, host), encoding="utf-8")
        syscalls.mount(amended, Path("/etc", name), flags=MountFlag.BIND)


def emulators(plan: Plan) -> Path:
    """Return where libvirt finds QEMU before it looks among the host's programs."""
    return Path(plan.state) / "libvirt" / "bin"


def fresh_sysfs() -> None:
    """Mount /proc and /sys as this PID and this network namespace have them; raises OSError."""
    flags = MountFlag.NOSUID | MountFlag.NODEV | MountFlag.NOEXEC
    syscalls.mount("proc", "/proc", "proc", flags)
    syscalls.mount("sysfs", "/sys", "sysfs", flags)


def keep_rules_off_bridges() -> None:
    """Let segments be links: what passes on them is nobody's to judge or to mend; raises OSError.

    With br_netfilter each frame would meet libvirt's rules, a list that grows with the segments,
    and a malformed packet would not arrive. A tenth of all requests through three guests, too.
    """
    for family in BRIDGED:
        setting = Path(f"/proc/sys/net/bridge/bridge-nf-call-{family}")
        if setting.exists():
            setting.write_text("0", encoding="ascii")


class Supervisor:
    """Starts libvirtd, reaps what is orphaned, and starts libvirtd again when it dies."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._daemon = 0
        self._starts: list[float] = []
        self._closed: set[Path] = set()

    def run(self) -> int:
        """Serve until SIGTERM; the kernel then kills whatever is left in the PID namespace."""
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        signals = {signal.SIGCHLD, signal.SIGTERM, signal.SIGINT}
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        self._start()
        while True:
            received = signal.sigtimedwait(signals, 0.02 if self._closed else 3600.0)
            self._open_sockets()
            if received is None:
                continue
            if received.si_signo != signal.SIGCHLD:
                say(f"stopped by {signal.Signals(received.si_signo).name}")
                return 0
            if self._reap() and not self._start():
                return 1

    def _start(self) -> bool:
        now = time.monotonic()
        self._starts = [start for start in self._starts if start > now - RESTART_WINDOW] + [now]
        if len(self._starts) > RESTARTS:
            say(f"libvirtd died {RESTARTS} times within {RESTART_WINDOW:.0f} s: giving up")
            return False
        run = Path(self._plan.run)
        self._closed = {run / name for name in SOCKETS}
        for path in self._closed:
            path.unlink(missing_ok=True)
        self._daemon = os.posix_spawnp(
            "libvirtd",
            ["libvirtd", "--config", "/etc/libvirt/libvirtd.conf"],
            {**os.environ, "PATH": f"{emulators(self._plan)}:{os.environ['PATH']}"},
            setsigmask=(),
        )
        say(f"libvirtd started as process {self._daemon} of this namespace")
        return True

    def _open_sockets(self) -> None:
        """Give each new socket to the lab's owner."""
        for path in tuple(self._closed):
            try:
                os.chown(path, self._plan.uid, self._plan.gid)
            except FileNotFoundError:
                continue
            self._closed.remove(path)

    def _reap(self) -> bool:
        """Reap every dead child; return whether libvirtd was among them."""
        died = False
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return died
            if pid == 0:
                return died
            if pid == self._daemon:
                died = True
                say(f"libvirtd ended with status {os.waitstatus_to_exitcode(status)}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
