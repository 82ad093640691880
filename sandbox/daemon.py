"""Starting, finding and ending the private libvirt."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

from . import cgroups, syscalls
from .errors import LabError, Missing, NotPermitted
from .keeper import NAMESPACES, Plan
from .paths import Lab
from .process import SYSTEM_PATH, capture

__all__ = [
    "answers",
    "erase",
    "image_mounts",
    "keepers",
    "last_lines",
    "prepare_state",
    "require_root",
    "start",
    "stop",
    "unmount_inside",
    "virsh",
]

START_SECONDS = 30.0
STOP_SECONDS = 20.0
POLL = 0.01


def require_root(action: str) -> None:
    """Raise NotPermitted unless the caller is root."""
    if os.geteuid() != 0:
        raise NotPermitted(
            f"{action} needs root: it makes namespaces, mounts and bridges",
            hint="run it with sudo; the lab then belongs to you",
        )


def virsh(uri: str, *arguments: str, seconds: float = 10.0) -> str | None:
    """Return what virsh prints, or `None` if it fails or takes too long."""
    try:
        done = subprocess.run(
            ["virsh", "--quiet", "--connect", uri, *arguments],
            capture_output=True,
            text=True,
            timeout=seconds,
            env={"LANG": "C.UTF-8", "PATH": SYSTEM_PATH},
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    return done.stdout if done.returncode == 0 else None


def answers(lab: Lab) -> bool:
    """Return whether both drivers answer on the lab's socket."""
    if not lab.socket.exists():
        return False
    return all(virsh(uri, "uri") is not None for uri in (lab.uri, lab.lxc_uri))


def keepers(lab: Lab) -> tuple[int, ...]:
    """Return the processes that keep this lab, found by their command lines alone.

    A file with a process number could be stale, or missing because its writer was killed.
    """
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        with contextlib.suppress(OSError, ValueError, TypeError):
            arguments = (entry / "cmdline").read_bytes().split(b"\0")
            if b"sandbox.keeper" not in arguments or entry.stat().st_uid != 0:
                continue
            plan = Plan.decode(arguments[arguments.index(b"sandbox.keeper") + 1].decode())
            if plan.run == str(lab.run):
                found.append(int(entry.name))
    return tuple(sorted(found))


def start(lab: Lab) -> bool:
    """Start the private libvirt unless it runs; return whether it had to be started.

    What an earlier lab left, however it ended, is cleared first. Raises LabError.
    """
    if len(keepers(lab)) == 1 and _bound(lab) and answers(lab):
        return False
    require_root("starting the lab")
    for program in ("libvirtd", "virsh", "ip"):
        if shutil.which(program, path=SYSTEM_PATH) is None:
            raise Missing(f"{program} is not installed", hint="`./lab doctor` says what is missing")
    stop(lab)
    _forget(lab)
    prepare_state(lab)
    log = lab.logs / "keeper.log"
    plan = Plan(
        run=str(lab.run),
        state=str(lab.state),
        cache=str(lab.cache),
        cgroup=lab.cgroup,
        uid=lab.owner.uid,
        gid=lab.owner.gid,
    )
    deadline = time.monotonic() + START_SECONDS
    with log.open("ab") as output:
        outer = subprocess.Popen(
            [sys.executable, "-P", "-m", "sandbox.keeper", plan.encode()],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            env={
                "HOME": "/root",
                "LANG": "C.UTF-8",
                "PATH": SYSTEM_PATH,
                "PYTHONDONTWRITEBYTECODE": "1",
                "PYTHONPATH": str(lab.root),
            },
            start_new_session=True,
        )
    try:
        status = outer.wait(START_SECONDS)
    except subprocess.TimeoutExpired:
        status = -1
    if status == 0:
        while time.monotonic() < deadline and keepers(lab):
            if answers(lab):
                return True
            time.sleep(POLL)
    lines = last_lines(log) + last_lines(lab.logs / "libvirtd.log")
    stop(lab)
    raise LabError(
        "the private libvirt did not start",
        log="\n".join(lines),
        hint="`./lab doctor` says what this host lacks",
    )


def prepare_state(lab: Lab) -> None:
    """Make the lab's directories: root's, with the owner's own ones inside; raises LabError."""
    _require_passage(lab.state)
    try:
        for path in (lab.state, lab.logs, lab.libvirt):
            path.mkdir(parents=True, exist_ok=True)
            path.chmod(0o755)
        lab.run.mkdir(parents=True, exist_ok=True)
        lab.run.chmod(0o711)
        # Root of a mapped container is nobody to the consoles' directory, and its own is in it.
        # QEMU makes its own there: its root without capabilities is of the group, if not the owner.
        for path, group, mode in (
            (lab.consoles, 0, 0o731),
            (lab.backend, lab.owner.gid, 0o700),
            (lab.pulumi_home, lab.owner.gid, 0o700),
            (lab.programs, lab.owner.gid, 0o700),
        ):
            path.mkdir(exist_ok=True)
            path.chmod(mode)
            os.chown(path, lab.owner.uid, group)
        if not lab.cache.exists():
            lab.cache.mkdir(parents=True)
            os.chown(lab.cache, lab.owner.uid, lab.owner.gid)
    except OSError as error:
        raise LabError(f"the lab's directories could not be made: {error}") from error


def _require_passage(path: Path) -> None:
    """Raise LabError where a mapped container's root, which is nobody here, could not pass."""
    for parent in path.parents:
        if parent.exists() and not parent.stat().st_mode & stat.S_IXOTH:
            raise LabError(
                f"{parent} may not be entered by others, so containers cannot reach {path}",
                hint=f"chmod o+x {parent}, or set LAB_STATE to another place",
            )


def _forget(lab: Lab) -> None:
    """Remove what only described guests that are gone: definitions, volumes, logs, stacks."""
    for path in (lab.libvirt, lab.consoles, lab.logs, lab.backend):
        if path.exists():
            shutil.rmtree(path)


def erase(lab: Lab) -> None:
    """Remove the lab's own directories, but for the lock that the caller holds."""
    _forget(lab)
    for path in (lab.state / "accelerator.json",):
        path.unlink(missing_ok=True)
    for path in (lab.pulumi_home, lab.programs, lab.run):
        if path.exists():
            shutil.rmtree(path)


def _mounts_under(directory: Path) -> list[Path]:
    """Return the mount points at or below a directory, deepest and latest first."""
    found = []
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        place = syscalls.unescape(line.split(" ")[4])
        if place == directory or directory in place.parents:
            found.append(place)
    return found[::-1]


def _bound(lab: Lab) -> bool:
    """Return whether all namespaces are bound as files."""
    places = _mounts_under(lab.namespaces)
    return all(lab.namespaces / name in places for name in NAMESPACES)


def stop(lab: Lab) -> bool:
    """End the private libvirt and all that it holds; return whether there was anything.

    Works from any state that a killed command can leave. Raises LabError.
    """
    alive = keepers(lab)
    mounts = _mounts_under(lab.namespaces)
    groups = cgroups.groups(lab.cgroup)
    if not (alive or mounts or groups or lab.socket.exists()):
        return False
    require_root("ending the lab")
    deadline = time.monotonic() + STOP_SECONDS
    try:
        for pid in alive:
            _end(pid, deadline)
        for place in mounts:
            syscalls.unmount(place, detach=True)
        cgroups.remove(lab.cgroup, deadline)
    except (OSError, TimeoutError) as error:
        raise LabError(f"the lab could not be ended: {error}") from error
    # Nothing that looks like a living lab stays: neither sockets nor namespaces' files.
    # Removing these also unmounts the copies of them that every mount namespace has which was made
    # while the lab ran (a container's, a service's); they would keep the namespaces alive.
    for path in (*lab.run.glob("libvirt*-sock*"), *lab.namespaces.glob("*")):
        path.unlink()
    if lab.namespaces.exists():
        lab.namespaces.rmdir()
    return True


def _end(pid: int, deadline: float) -> None:
    """Kill a keeper, and wait until the kernel has killed what was in its PID namespace."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        if pid not in _still_keeper(pid):
            return
        signal.pidfd_send_signal(handle, signal.SIGKILL)
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise TimeoutError(f"process {pid} does not die")
    finally:
        os.close(handle)


def _still_keeper(pid: int) -> tuple[int, ...]:
    """Return `(pid,)` if the number was not taken over by another program meanwhile."""
    try:
        return (pid,) if b"sandbox.keeper" in Path(f"/proc/{pid}/cmdline").read_bytes() else ()
    except OSError:
        return ()


def image_mounts(lab: Lab) -> tuple[Path, ...]:
    """Return where images are mounted inside the lab, the latest first."""
    alive = keepers(lab)
    if not alive:
        return ()
    text = Path(f"/proc/{alive[0]}/mountinfo").read_text(encoding="utf-8")
    fields = [line.partition(" - ") for line in text.splitlines()]
    return tuple(
        syscalls.unescape(left.split(" ")[4])
        for left, _, right in reversed(fields)
        if right.startswith("squashfs ")
    )


def unmount_inside(lab: Lab, target: Path) -> None:
    """Unmount something inside the lab; raises LabError."""
    entered = [f"--mount={lab.namespaces / 'mnt'}", f"--pid={lab.namespaces / 'pid'}"]
    done = capture(["nsenter", *entered, "--", "umount", "--lazy", target])
    if done.returncode != 0:
        raise LabError(f"{target} could not be unmounted", log=done.stderr)


def last_lines(path: Path, count: int = 12) -> list[str]:
    """Return the last lines of a log, or none when there is no log."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()[-count:]
    except OSError:
        return []
