"""A control group of the lab's own in every hierarchy, on v1, v2 and hybrid hosts.

libvirt names the groups of its domains by numbers that start again in every lab, so two labs in
one hierarchy would share groups, and destroying a container kills all that is in its group. In a
cgroup namespace rooted at the lab's own group they cannot meet.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from . import syscalls
from .syscalls import MountFlag

__all__ = [
    "Hierarchy",
    "Layout",
    "enter",
    "layout",
    "make_partition",
    "parse",
    "remount",
    "remove",
]

PLACE = Path("/sys/fs/cgroup")
PARTITION = "machine"
NOT_CONTROLLERS = frozenset({"clone_children", "noprefix", "ro", "rw", "seclabel", "xattr"})


class Layout(StrEnum):
    """How a host mounts its control groups."""

    HYBRID = "hybrid"
    NONE = "none"
    UNIFIED = "v2"
    V1 = "v1"


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """A mounted hierarchy: `root` is what of it shows, `options` name its v1 controllers."""

    version: int
    root: str
    mountpoint: Path
    options: str


def parse(mountinfo: str) -> tuple[Hierarchy, ...]:
    """Return the control group hierarchies in the text of /proc/self/mountinfo."""
    found = []
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        kind, _, options = right.split(" ", 2)
        root, mountpoint = left.split(" ")[3:5]
        if kind == "cgroup2":
            found.append(Hierarchy(2, root, Path(mountpoint), ""))
        elif kind == "cgroup":
            names = [
                o for o in options.split(",") if o not in NOT_CONTROLLERS and "agent=" not in o
            ]
            found.append(Hierarchy(1, root, Path(mountpoint), ",".join(names)))
    return tuple(found)


def layout(hierarchies: tuple[Hierarchy, ...]) -> Layout:
    """Say which layout the hierarchies make."""
    versions = {hierarchy.version for hierarchy in hierarchies}
    if not versions:
        return Layout.NONE
    if versions == {1, 2}:
        return Layout.HYBRID
    return Layout.UNIFIED if versions == {2} else Layout.V1


def read() -> tuple[Hierarchy, ...]:
    """Return the hierarchies mounted here."""
    return parse(Path("/proc/self/mountinfo").read_text(encoding="utf-8"))


def used(hierarchies: tuple[Hierarchy, ...]) -> tuple[Hierarchy, ...]:
    """Return those libvirt is to see: on a hybrid host its LXC driver must see v1 only."""
    if layout(hierarchies) is Layout.HYBRID:
        return tuple(hierarchy for hierarchy in hierarchies if hierarchy.version == 1)
    return hierarchies


def _current(hierarchy: Hierarchy) -> Path:
    """Return the directory of the caller's group in a v1 hierarchy."""
    wanted = set(hierarchy.options.split(","))
    for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and set(controllers.split(",")) <= wanted:
            # A mount may show a part of the hierarchy only, as in a container.
            return hierarchy.mountpoint / path.removeprefix(hierarchy.root).lstrip("/")
    return hierarchy.mountpoint


def enter(name: str) -> None:
    """Create the lab's group and move the caller into it; raises OSError.

    In v1 the group is a child of the caller's, so that limits set on the caller hold. In v2 a
    group that has processes cannot give controllers to its children, so it is a child of the root.
    """
    for hierarchy in used(read()):
        if hierarchy.version == 2:
            _enter_unified(hierarchy.mountpoint, name)
            continue
        group = _make(_current(hierarchy), name)
        (group / "cgroup.procs").write_text(str(os.getpid()), encoding="ascii")


def make_partition() -> None:
    """Create the group, in v1, that libvirt makes those of its domains in; raises OSError.

    libvirt makes it for the first domain, by steps, and takes it away where a step fails: of
    several first domains that start at once, one may lose its own group to another.
    """
    for hierarchy in used(read()):
        if hierarchy.version == 1:
            _make(hierarchy.mountpoint, PARTITION)


def _make(parent: Path, name: str) -> Path:
    """Create a group of a v1 hierarchy that takes processes."""
    group = parent / name
    group.mkdir(exist_ok=True)
    for setting in ("cpuset.cpus", "cpuset.mems"):
        # A new cpuset is empty, and an empty one takes no process.
        if (group / setting).exists():
            value = (parent / setting).read_text(encoding="ascii")
            (group / setting).write_text(value, encoding="ascii")
    return group


def _enter_unified(mountpoint: Path, name: str) -> None:
    _give_controllers(mountpoint)
    group = mountpoint / name
    group.mkdir(exist_ok=True)
    (group / "cgroup.procs").write_text(str(os.getpid()), encoding="ascii")


def _give_controllers(parent: Path) -> None:
    """Let a v2 group's children have every controller that can be given."""
    for controller in (parent / "cgroup.controllers").read_text(encoding="ascii").split():
        # One that is in use by v1, or threaded, cannot be given on; libvirt does without.
        with contextlib.suppress(OSError):
            (parent / "cgroup.subtree_control").write_text(f"+{controller}", encoding="ascii")


def leave_root(name: str) -> None:
    """Move the caller from the lab's group to a leaf of it: raises OSError.

    A v2 group gives controllers to its children only when it has no process itself. It is called
    after the group has become the root of the caller's cgroup namespace.
    """
    for hierarchy in used(read()):
        if hierarchy.version == 2:
            group = hierarchy.mountpoint / name
            leaf = group / "keeper"
            leaf.mkdir(exist_ok=True)
            (leaf / "cgroup.procs").write_text(str(os.getpid()), encoding="ascii")
            _give_controllers(group)


def remount(fresh_sysfs: Callable[[], None]) -> None:
    """Mount the hierarchies anew, as the caller's cgroup namespace shows them; raises OSError.

    `fresh_sysfs` mounts /sys, on which they are then mounted.
    """
    before = read()
    fresh_sysfs()
    flags = MountFlag.NOSUID | MountFlag.NODEV | MountFlag.NOEXEC
    wanted = used(before)
    for hierarchy in before:  # any that lay outside /sys is still there
        if hierarchy.mountpoint.is_mount():
            syscalls.unmount(hierarchy.mountpoint, detach=True)
    if any(PLACE in hierarchy.mountpoint.parents for hierarchy in wanted):
        syscalls.mount("tmpfs", PLACE, "tmpfs", flags, "mode=755")
    for hierarchy in wanted:
        hierarchy.mountpoint.mkdir(exist_ok=True)
        kind = "cgroup2" if hierarchy.version == 2 else "cgroup"
        syscalls.mount(kind, hierarchy.mountpoint, kind, flags, hierarchy.options)


def groups(name: str) -> tuple[Path, ...]:
    """Return the lab's groups in every hierarchy, wherever they hang."""
    found = []
    for hierarchy in read():
        for directory, children, _ in os.walk(hierarchy.mountpoint):
            if name in children:
                found.append(Path(directory) / name)
                children.remove(name)
    return tuple(found)


def remove(name: str, deadline: float) -> None:
    """Kill what is left in the lab's groups and remove them; `deadline` is in monotonic seconds.

    Raises OSError when something will not go before the deadline.
    """
    for group in groups(name):
        while True:
            _kill(group)
            try:
                _remove_tree(group)
                break
            except OSError as error:
                if error.errno != errno.EBUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)


def _remove_tree(group: Path) -> None:
    for directory, _, _ in os.walk(group, topdown=False):
        with contextlib.suppress(FileNotFoundError):
            Path(directory).rmdir()


def _kill(group: Path) -> None:
    for directory, _, _ in os.walk(group):
        with contextlib.suppress(OSError):
            text = (Path(directory) / "cgroup.procs").read_text(encoding="ascii")
            for pid in text.split():
                with contextlib.suppress(ProcessLookupError):
                    # 0 stands for a process of another PID namespace, which kill(2) would
                    # read as "my own group".
                    if int(pid) > 0:
                        os.kill(int(pid), signal.SIGKILL)
