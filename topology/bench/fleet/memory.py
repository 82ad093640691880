"""Memory, as the kernel tells it: of the machine, of processes, of control groups (proc(5))."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Memory", "Resident", "group_bytes", "memory", "parse_smaps", "resident"]


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of the machine's memory: all of it, and what programs could still get."""

    total: int
    available: int


@dataclass(frozen=True, slots=True)
class Resident:
    """Bytes of processes that are in memory: `rss` counts shared pages fully for each process,
    `pss` a page shared by n processes as an nth, `private` what would be freed with them."""

    rss: int
    pss: int
    private: int

    def __add__(self, other: Resident) -> Resident:
        return Resident(self.rss + other.rss, self.pss + other.pss, self.private + other.private)


def memory(text: str | None = None) -> Memory:
    """The machine's memory; `text` is that of /proc/meminfo.

    >>> memory("MemTotal:  8 kB\\nMemFree: 1 kB\\nMemAvailable:  4 kB\\n")
    Memory(total=8192, available=4096)
    """
    told = _kilobytes(
        text if text is not None else Path("/proc/meminfo").read_text(encoding="ascii")
    )
    return Memory(told["MemTotal"], told["MemAvailable"])


def parse_smaps(text: str) -> Resident:
    """What /proc/PID/smaps_rollup says.

    >>> parse_smaps("0-1 ---p 0 00:00 0 [rollup]\\nRss: 5 kB\\nPss: 3 kB\\nPrivate_Dirty: 2 kB\\n")
    Resident(rss=5120, pss=3072, private=2048)
    """
    told = _kilobytes(text)
    private = sum(size for name, size in told.items() if name.startswith("Private_"))
    return Resident(told["Rss"], told["Pss"], private)


def resident(processes: Iterable[int]) -> Resident:
    """What processes hold together; raises `OSError` where one is gone."""
    found = Resident(0, 0, 0)
    for process in processes:
        text = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii")
        found += parse_smaps(text)
    return found


def group_bytes(process: int) -> int | None:
    """Bytes that are charged to the control group of a process, `None` where nobody counts.

    Both versions of control groups; kernel memory and page cache of the group are in it.
    """
    for line in Path(f"/proc/{process}/cgroup").read_text(encoding="utf-8").splitlines():
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            file = Path("/sys/fs/cgroup/memory", path.lstrip("/"), "memory.usage_in_bytes")
        elif not controllers:
            file = Path("/sys/fs/cgroup", path.lstrip("/"), "memory.current")
        else:
            continue
        if file.exists():
            return int(file.read_text(encoding="ascii"))
    return None


def _kilobytes(text: str) -> dict[str, int]:
    """Bytes by name; the kernel writes KiB and says kB."""
    found = re.finditer(r"^(\w+):\s+(\d+) kB$", text, re.MULTILINE)
    return {one[1]: int(one[2]) << 10 for one in found}
