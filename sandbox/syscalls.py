"""The few Linux calls that Python 3.11's standard library lacks: mount, umount2 and unshare."""

from __future__ import annotations

import ctypes
import fcntl
import os
import re
import sys
from enum import IntFlag
from pathlib import Path

__all__ = [
    "CloneFlag",
    "MountFlag",
    "mount",
    "unescape",
    "unmount",
    "unshare",
    "unshare_younger_mounts",
]

NS_GET_MNTNS_ID = 0x8008B705
MNT_DETACH = 2
UMOUNT_NOFOLLOW = 8


class MountFlag(IntFlag):
    """Flags of mount(2)."""

    NONE = 0
    READONLY = 1
    NOSUID = 2
    NODEV = 4
    NOEXEC = 8
    BIND = 4096
    RECURSIVE = 16384
    PRIVATE = 1 << 18
    SLAVE = 1 << 19


class CloneFlag(IntFlag):
    """The namespaces of unshare(2)."""

    MOUNT = 0x00020000
    CGROUP = 0x02000000
    PID = 0x20000000
    NETWORK = 0x40000000


_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = (
    ctypes.c_char_p,
    ctypes.c_char_p,
    ctypes.c_char_p,
    ctypes.c_ulong,
    ctypes.c_char_p,
)
_libc.umount2.argtypes = (ctypes.c_char_p, ctypes.c_int)
_libc.unshare.argtypes = (ctypes.c_int,)


def _check(result: int, what: str, subject: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}", subject)


def mount(
    source: str | Path,
    target: str | Path,
    kind: str = "",
    flags: MountFlag = MountFlag.NONE,
    options: str = "",
) -> None:
    """Call mount(2); raises OSError."""
    arguments = (os.fsencode(source), os.fsencode(target), kind.encode())
    _check(_libc.mount(*arguments, int(flags), options.encode() or None), "mount", str(target))


def unmount(target: str | Path, *, detach: bool = False) -> None:
    """Call umount2(2), never following a symbolic link; raises OSError."""
    flags = UMOUNT_NOFOLLOW | (MNT_DETACH if detach else 0)
    _check(_libc.umount2(os.fsencode(target), flags), "umount", str(target))


def unescape(field: str) -> Path:
    """Return a path of mountinfo, in which blanks and backslashes are octal."""
    return Path(re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), field))


def unshare(flags: CloneFlag) -> None:
    """Move the caller (its children, for PID) into new namespaces; raises OSError."""
    _check(_libc.unshare(int(flags)), "unshare", flags.name or "")


def unshare_younger_mounts() -> None:
    """Move the caller into a new mount namespace that the one it leaves can bind as a file.

    The kernel lets a mount namespace hold only namespaces with a greater number than its own, so
    that none holds itself (fs/namespace.c, `mnt_ns_loop`), and since Linux 6.18 each CPU hands
    out numbers from a batch of its own. So one is asked of every CPU in turn. Raises OSError.
    """
    number, allowed = _mount_namespace_number(), os.sched_getaffinity(0)
    try:
        for cpu in sorted(allowed):
            os.sched_setaffinity(0, {cpu})
            unshare(CloneFlag.MOUNT)
            if number is None or (_mount_namespace_number() or 0) > number:
                return
    finally:
        os.sched_setaffinity(0, allowed)


def _mount_namespace_number() -> int | None:
    """Return the number of the caller's mount namespace, `None` where the kernel tells none."""
    with Path("/proc/self/ns/mnt").open("rb") as handle:
        try:
            told = fcntl.ioctl(handle, NS_GET_MNTNS_ID, bytes(8))
        except OSError:  # before Linux 6.11, whose numbers rise
            return None
    return int.from_bytes(told, sys.byteorder)
