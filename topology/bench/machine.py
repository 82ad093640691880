"""What machine this is, what runs on it beside us, and the versions of all that takes part."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from topology.bench.record import Scalar

__all__ = ["BUSY", "busy_share", "machine_state", "search_path", "versions"]

BUSY = 0.15
"""The share of the processors in use by others above which a machine counts as busy."""

_WATCHED = 2.0
"""Seconds for which the processors are watched."""

_SYSTEM = ("/usr/local/sbin", "/usr/sbin", "/sbin")

_ALWAYS = ("qemu-system-x86_64", "libvirtd", "pulumi", "rustc")
"""What both variants are built or run with."""

_ASKED = {
    "dnsperf": "-h",
    "ip": "-V",
    "nginx": "-v",
    "nsd": "-v",
    "pulumi": "version",
    "wrk": "-v",
}
"""How a program is asked for its version where `--version` is not understood."""


def machine_state(environment: Mapping[str, str]) -> dict[str, Scalar | None]:
    """The machine as far as figures depend on it."""
    processor = _processor()
    flags = set(processor.get("flags", "").split())
    return {
        "system": _system(),
        "kernel": platform.release(),
        "processor": processor.get("model name", platform.machine()),
        "cores": len(os.sched_getaffinity(0)),
        "memory_mib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20,
        "accelerator": environment.get("TOPOLOGY_ACCELERATOR", "kvm"),
        "virtual": int("hypervisor" in flags),
        "hardware_virtualisation": int(bool(flags & {"vmx", "svm"})),
        "vhost": int(Path("/dev/vhost-net").exists()),
        "governor": _read(Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")),
        "load_before": round(os.getloadavg()[0], 2),
        "rootfs": environment.get("TOPOLOGY_ROOTFS", "file"),
    }


def busy_share(seconds: float = _WATCHED) -> float:
    """The share of all processors' time that is in use, watched for so long."""
    before, start = _ticks(), time.monotonic()
    time.sleep(seconds)
    after = _ticks()
    spent = (time.monotonic() - start) * os.sysconf("SC_CLK_TCK") * (os.cpu_count() or 1)
    return max(0.0, min(1.0, (after - before) / spent))


def search_path(environment: Mapping[str, str]) -> str:
    """PATH with the directories of the system's programs, which root's may lack."""
    return os.pathsep.join((environment.get("PATH", ""), *_SYSTEM))


def versions(tools: Iterable[str], environment: Mapping[str, str]) -> dict[str, str]:
    """The version of each program as it says it; `missing` where there is none."""
    found = {"python": platform.python_version()}
    for name in sorted({*_ALWAYS, *tools}):
        path = shutil.which(name, path=search_path(environment))
        found[name] = "missing" if path is None else _version(name, path, environment)
    return found


def _version(name: str, path: str, environment: Mapping[str, str]) -> str:
    try:
        done = subprocess.run(
            [path, _ASKED.get(name, "--version")],
            env=environment,
            capture_output=True,
            text=True,
            timeout=10,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"unknown: {error}"
    lines = (done.stdout + done.stderr).splitlines()
    told = next((line for line in lines if re.search(r"\d\.\d", line)), "unknown")
    return re.sub(r"\s+Copyright.*", "", told).strip()[:120]


def _ticks() -> int:
    """Clock ticks that all processors were busy, the wait for storage left out (proc(5))."""
    fields = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    idle, waiting = fields[3], fields[4]
    return sum(fields) - idle - waiting


def _processor() -> dict[str, str]:
    found: dict[str, str] = {}
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        key, colon, value = line.partition(":")
        if not colon:
            break
        found[key.strip()] = value.strip()
    return found


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return platform.system()


def _read(path: Path) -> str | None:
    return path.read_text().strip() if path.exists() else None
