"""What this host can do for a lab and what it lacks: on any distribution, changing nothing."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import toolchain
from toolchain import ToolchainError, packages, python, rust

from . import accelerator, cgroups, daemon, process, table
from .accelerator import Accelerator
from .cgroups import Layout
from .errors import LabError
from .paths import Lab

__all__ = ["Finding", "Verdict", "describe", "examine"]

SPACE = 6 << 30  # a cold toolchain build, two Cargo targets and the environment
NAMESPACES = ("cgroup", "mnt", "net", "pid", "user")
# What containers that forward ask of the kernel: nftables, and where a packet's source would be
# sent to (CONFIG_NFT_FIB_INET).
REVERSE_PATH = (
    "table inet t { chain c { type filter hook prerouting priority raw; "
    "fib saddr . iif oif missing drop; }; }"
)


class Verdict(StrEnum):
    """How a finding bears on the lab."""

    BAD = "bad"
    GOOD = "good"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at; `remedy` says what to do about a bad one."""

    subject: str
    verdict: Verdict
    detail: str
    remedy: str = ""


def examine(lab: Lab) -> tuple[Finding, ...]:
    """Look at everything; a look that fails is a finding, too."""
    looks: tuple[Callable[[Lab], Iterator[Finding]], ...] = (
        _system,
        _privilege,
        _accelerators,
        _kernel,
        _packet_filter,
        _control_groups,
        _apparmor,
        _libvirt,
        _programs,
        _toolchain,
        _space,
    )
    found: list[Finding] = []
    for look in looks:
        try:
            found += look(lab)
        except (LabError, OSError, ToolchainError) as error:
            found.append(Finding(look.__name__.strip("_"), Verdict.BAD, str(error)))
    return tuple(found)


def _system(_: Lab) -> Iterator[Finding]:
    machine, release = platform.machine(), platform.release()
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        name = "an unnamed distribution"
    fits = machine == "x86_64" and platform.system() == "Linux"
    yield Finding(
        "system",
        Verdict.GOOD if fits else Verdict.BAD,
        f"{name}, Linux {release}, {machine}",
        "" if fits else "the unikernels are for x86-64 Linux hosts",
    )
    yield Finding("python", Verdict.GOOD, platform.python_version())


def _privilege(lab: Lab) -> Iterator[Finding]:
    if os.geteuid() == 0:
        whose = "root" if lab.owner.is_root else f"root, for {lab.owner.name}"
        yield Finding("privilege", Verdict.GOOD, whose)
    else:
        yield Finding(
            "privilege", Verdict.NOTE, f"{lab.owner.name}: up, down and probes need root (sudo)"
        )


def _accelerators(lab: Lab) -> Iterator[Finding]:
    trials = {name: accelerator.try_out(name) for name in Accelerator}
    works = any(trial.passed for trial in trials.values())
    for name, trial in trials.items():
        if trial.passed:
            verdict, remedy = Verdict.GOOD, ""
        elif works:
            verdict, remedy = Verdict.NOTE, "guests run without it, more slowly"
        else:
            verdict, remedy = Verdict.BAD, f"install {accelerator.QEMU} and its qboot firmware"
        yield Finding(f"accelerator {name}", verdict, trial.detail, remedy)
    if overridden := accelerator.overridden(os.environ):
        yield Finding("accelerator", Verdict.NOTE, f"{overridden.accelerator} by LAB_ACCELERATOR")
    tun = Path("/dev/net/tun")
    yield Finding(
        "tap devices",
        Verdict.GOOD if tun.exists() else Verdict.BAD,
        f"{tun} {'exists' if tun.exists() else 'is absent'}",
        "" if tun.exists() else "modprobe tun",
    )


def _kernel(_: Lab) -> Iterator[Finding]:
    lacking = [name for name in NAMESPACES if not Path("/proc/self/ns", name).exists()]
    yield Finding(
        "namespaces",
        Verdict.BAD if lacking else Verdict.GOOD,
        f"without {', '.join(lacking)}" if lacking else ", ".join(NAMESPACES),
        "a kernel with these namespaces" if lacking else "",
    )
    squashfs = supports_squashfs()
    yield Finding(
        "squashfs",
        Verdict.GOOD if squashfs else Verdict.BAD,
        "the kernel mounts it" if squashfs else "the kernel has neither it nor a module for it",
        "" if squashfs else "containers need a kernel with squashfs",
    )


def _packet_filter(_: Lab) -> Iterator[Finding]:
    if shutil.which("nft", path=process.SYSTEM_PATH) is None:
        return  # said of the packages
    own = ("--user", "--map-root-user") if os.geteuid() else ()
    command = ("unshare", *own, "--net", "nft", "--check", REVERSE_PATH)
    done = process.capture(command, seconds=20.0)
    takes = done.returncode == 0
    said = done.stderr.strip().splitlines()
    yield Finding(
        "packet filter",
        # Without root, a host may refuse namespaces of one's own: that says nothing of nftables.
        Verdict.GOOD if takes else Verdict.NOTE if own else Verdict.BAD,
        "nftables looks at reverse paths" if takes else said[0] if said else "nft refuses",
        "" if takes else "a kernel with CONFIG_NFT_FIB_INET, or `reverse_path: off` on forwarders",
    )


def supports_squashfs() -> bool:
    """Return whether the kernel has squashfs, or a module that it can load."""
    if "\tsquashfs\n" in Path("/proc/filesystems").read_text(encoding="ascii"):
        return True
    modules = Path("/lib/modules", platform.release(), "kernel/fs/squashfs")
    return modules.is_dir()


def _control_groups(_: Lab) -> Iterator[Finding]:
    hierarchies = cgroups.read()
    layout = cgroups.layout(hierarchies)
    detail = {
        Layout.HYBRID: "hybrid: libvirt is shown the v1 hierarchies only",
        Layout.NONE: "none is mounted",
        Layout.UNIFIED: "v2",
        Layout.V1: "v1",
    }[layout]
    yield Finding(
        "control groups",
        Verdict.BAD if layout is Layout.NONE else Verdict.GOOD,
        detail,
        "mount cgroup2 at /sys/fs/cgroup" if layout is Layout.NONE else "",
    )


def _apparmor(_: Lab) -> Iterator[Finding]:
    try:
        enabled = Path("/sys/module/apparmor/parameters/enabled").read_text(encoding="ascii")
    except OSError:
        enabled = "N"
    if not enabled.startswith("Y"):
        yield Finding("AppArmor", Verdict.GOOD, "off")
    elif Path("/etc/apparmor.d/usr.sbin.libvirtd").exists():
        yield Finding(
            "AppArmor",
            Verdict.NOTE,
            "on, with a profile for libvirtd; the lab's starts no confined guests",
            "if the lab is denied something: aa-complain /usr/sbin/libvirtd",
        )
    else:
        yield Finding("AppArmor", Verdict.GOOD, "on, without a profile for libvirtd")


def _version(*command: str) -> str:
    """Return the first line that a program prints about its version, or nothing."""
    if shutil.which(command[0], path=process.SYSTEM_PATH) is None:
        return ""
    said = process.capture(command, seconds=20.0).stdout.strip().splitlines()
    return said[0] if said else ""


def _libvirt(lab: Lab) -> Iterator[Finding]:
    for program in ("libvirtd", "virsh", accelerator.QEMU):
        said = _version(program, "--version")
        yield Finding(
            program,
            Verdict.GOOD if said else Verdict.BAD,
            said or "is not installed",
            "" if said else "see what is missing below",
        )
    system = Path("/run/libvirt/libvirt-sock")
    if system.exists():
        yield Finding("system libvirt", Verdict.NOTE, f"{system} is there; the lab leaves it alone")
    running = daemon.keepers(lab)
    state = f"runs (process {running[0]})" if running else "does not run"
    yield Finding("private libvirt", Verdict.GOOD, state)


def _programs(lab: Lab) -> Iterator[Finding]:
    needs = packages.missing() + packages.missing_builders(toolchain.status(lab.cache))
    apt = shutil.which("apt-get") is not None
    for need in needs:
        yield Finding(
            f"missing {need.package}",
            Verdict.NOTE if need.group is packages.Group.TEST else Verdict.BAD,
            need.why,
            "`./lab up` installs it"
            if apt
            else f"install {' or '.join(need.evidence)} (Debian calls the package {need.package})",
        )
    if not needs:
        yield Finding("packages", Verdict.GOOD, "all are installed")


def _toolchain(lab: Lab) -> Iterator[Finding]:
    found = toolchain.status(lab.cache)
    for tool in (found.engine, found.plugin):
        missing = tool.origin is toolchain.Origin.MISSING
        yield Finding(
            tool.name,
            Verdict.NOTE if missing else Verdict.GOOD,
            f"{tool.version} ({tool.origin})",
            "`./lab up` builds it, once, in minutes" if missing else "",
        )
    rusty = rust.find()
    if rusty is not None:
        yield Finding("rust", Verdict.GOOD, f"{rusty.version} at {rusty.cargo.parent}")
    venv = python.find_venv(lab.cache, lab.root)
    yield Finding(
        "Python environment",
        Verdict.GOOD if venv else Verdict.NOTE,
        str(venv) if venv else "not made yet",
        "" if venv else "`./lab up` makes it",
    )


def _space(lab: Lab) -> Iterator[Finding]:
    for name, path in (("cache", lab.cache), ("state", lab.state)):
        there = next(part for part in (path, *path.parents) if part.exists())
        free = shutil.disk_usage(there).free
        enough = free >= SPACE
        yield Finding(
            f"space for {name}",
            Verdict.GOOD if enough else Verdict.NOTE,
            f"{free / (1 << 30):.0f} GiB at {path}",
            "" if enough else f"a cold build needs {SPACE >> 30} GiB (LAB_{name.upper()} moves it)",
        )


def describe(findings: tuple[Finding, ...]) -> str:
    """Return the findings for people, and the verdict on them all."""
    header = ["", "what", "finding", "what to do"]
    marks = {Verdict.BAD: "✗", Verdict.GOOD: "✓", Verdict.NOTE: "·"}
    rows = [[marks[one.verdict], one.subject, one.detail, one.remedy] for one in findings]
    bad = sum(one.verdict is Verdict.BAD for one in findings)
    verdict = "this host can run the lab" if not bad else f"{bad} things stand in the way"
    return f"{table.render(header, rows)}\n\n{verdict}"
