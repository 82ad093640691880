"""Which processes are there for a domain, and what they have used of the processor (proc(5))."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Busy", "busy", "children", "domain_processes", "used_seconds"]

_MARKS = (
    re.compile(rb"\0guest=([^,\0]+),"),
    re.compile(rb"/libvirt_lxc\0--name\0([^\0]+)\0"),
)
"""How QEMU's and the LXC controller's command lines name the domain."""

_TICKS = os.sysconf("SC_CLK_TCK")
"""What /proc/stat counts in a second."""


def domain_processes(domains: Iterable[str]) -> Mapping[str, tuple[int, ...]]:
    """The processes of libvirt's domains by name, by their numbers on this host: QEMU, or the LXC
    controller and the container's init. Those that do not run are left out."""
    wanted = set(domains)
    found: dict[str, tuple[int, ...]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            line = (entry / "cmdline").read_bytes()
            for mark in _MARKS:
                name = told[1].decode() if (told := mark.search(line)) else ""
                if name in wanted:
                    found[name] = (int(entry.name), *children(int(entry.name)))
    return found


def children(process: int) -> Sequence[int]:
    """The processes that a process started."""
    path = Path(f"/proc/{process}/task/{process}/children")
    return [int(text) for text in path.read_text(encoding="ascii").split()]


def used_seconds(processes: Iterable[int]) -> float:
    """Seconds that all threads of processes have run; raises `OSError` where one is gone.

    It counts nanoseconds, where the usual times count ticks (Documentation/scheduler/sched-stats).
    """
    total = 0
    for process in processes:
        for task in Path(f"/proc/{process}/task").iterdir():
            with suppress(FileNotFoundError):  # a thread that ended
                total += int((task / "schedstat").read_text(encoding="ascii").split()[0])
    return total / 1e9


@dataclass(frozen=True, slots=True)
class Busy:
    """Seconds that all cores together have spent, since they were started."""

    user: float
    system: float
    interrupts: float

    @property
    def total(self) -> float:
        """All but idleness."""
        return self.user + self.system + self.interrupts

    def __sub__(self, other: Busy) -> Busy:
        return Busy(
            self.user - other.user,
            self.system - other.system,
            self.interrupts - other.interrupts,
        )


def busy(text: str | None = None) -> Busy:
    """What the cores did; `text` is /proc/stat's.

    >>> busy("cpu  100 20 50 900 30 2 18 0 0 0\\ncpu0 …")
    Busy(user=1.2, system=0.5, interrupts=0.2)
    """
    told = text if text is not None else Path("/proc/stat").read_text(encoding="ascii")
    user, nice, system, _idle, _wait, hard, soft, *_ = map(int, told.split("\n")[0].split()[1:])
    return Busy((user + nice) / _TICKS, system / _TICKS, (hard + soft) / _TICKS)
