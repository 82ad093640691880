"""What a machine must have installed, why, and which Debian packages bring it."""

from __future__ import annotations

import os
import platform
import shutil
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from toolchain import golang, rust
from toolchain.assembly import Status
from toolchain.errors import ToolchainError

__all__ = ["BENCH", "NEEDS", "Group", "Need", "missing", "missing_builders"]


class Group(StrEnum):
    """What a need is for."""

    BASE = "base"
    """To run a lab: its libvirt, its guests and the Python environment."""
    BUILD = "build"
    """To build images and toolchain, where what builds them is not there in another way."""
    PROBE = "probe"
    """To probe a running stack as a client, which `lab up` ends with."""
    TEST = "test"
    """For live tests alone."""
    BENCH = "bench"
    """To load and to compare with, in benchmarks: unpacked into the cache, never installed."""


@dataclass(frozen=True, slots=True)
class Need:
    """A Debian `package`, why it is needed, and what shows that it is met.

    `evidence` holds alternatives: commands (looked up on PATH and in the system's directories)
    and absolute paths.
    """

    package: str
    why: str
    group: Group
    evidence: tuple[str, ...]

    @property
    def met(self) -> bool:
        """Whether it is there, from a package or not."""
        return any(_exists(piece) for piece in self.evidence)


_LIBRARIES: Final = f"/usr/lib/{platform.machine()}-linux-gnu"
_DRIVERS: Final = "/libvirt/connection-driver/libvirt_driver"

NEEDS: Final = (
    Need("qemu-system-x86", "runs unikernels", Group.BASE, ("qemu-system-x86_64",)),
    Need("libvirt-daemon", "the lab's private libvirtd and virtlogd", Group.BASE, ("libvirtd",)),
    Need(
        "libvirt-daemon-driver-qemu",
        "libvirt's driver for unikernels",
        Group.BASE,
        (f"{_LIBRARIES}{_DRIVERS}_qemu.so", f"/usr/lib64{_DRIVERS}_qemu.so"),
    ),
    Need(
        "libvirt-daemon-driver-lxc",
        "libvirt's driver for containers",
        Group.BASE,
        (f"{_LIBRARIES}{_DRIVERS}_lxc.so", f"/usr/lib64{_DRIVERS}_lxc.so"),
    ),
    Need("libvirt-clients", "virsh, to look into the lab by hand", Group.BASE, ("virsh",)),
    Need("xsltproc", "the provider applies our XSLT with it", Group.BASE, ("xsltproc",)),
    Need("iproute2", "namespaces, bridges and the outside client", Group.BASE, ("ip",)),
    Need(
        "iptables",
        "libvirt refuses to start a network without it",
        Group.BASE,
        ("iptables",),
    ),
    Need(
        "python3-venv",
        "makes the Python environment",
        Group.BASE,
        (str(Path(sysconfig.get_path("stdlib"), "ensurepip", "__main__.py")),),
    ),
    Need("squashfs-tools", "packs containers' read-only roots", Group.BUILD, ("mksquashfs",)),
    Need("gcc", "links images, compiles libvirt's Python binding", Group.BUILD, ("cc", "gcc")),
    Need(
        "libc6-dev",
        "the C library that container services are linked with",
        Group.BUILD,
        (f"{_LIBRARIES}/crt1.o", "/usr/lib64/crt1.o"),
    ),
    Need(
        "python3-dev",
        "headers for libvirt's Python binding",
        Group.BUILD,
        (str(Path(sysconfig.get_path("include"), "Python.h")),),
    ),
    Need(
        "libvirt-dev",
        "headers for libvirt's Python binding",
        Group.BUILD,
        ("/usr/include/libvirt/libvirt.h",),
    ),
    Need("pkg-config", "finds them for its build", Group.BUILD, ("pkg-config",)),
    Need("curl", "fetches pages as a client does", Group.PROBE, ("curl",)),
    Need("bind9-dnsutils", "asks names (dig)", Group.PROBE, ("dig",)),
    Need("nmap", "looks for ports that should be closed", Group.PROBE, ("nmap",)),
    Need("iputils-ping", "sends echo requests that should be dropped", Group.PROBE, ("ping",)),
    Need("wrk", "measures requests a second", Group.PROBE, ("wrk",)),
    Need("nftables", "lists rulesets inside containers, for drift", Group.PROBE, ("nft",)),
    Need("tcpdump", "captures from segments and ports", Group.PROBE, ("tcpdump",)),
    Need("g++", "compiles libFuzzer", Group.TEST, ("g++", "c++")),
    Need("dnsperf", "asks names faster than anybody does", Group.TEST, ("dnsperf",)),
    Need("hping3", "floods and scans, from made-up addresses", Group.TEST, ("hping3",)),
    Need("python3-scapy", "makes packets that no stack sends", Group.TEST, ("/usr/bin/scapy",)),
    Need("slowhttptest", "keeps a web server waiting", Group.TEST, ("slowhttptest",)),
    Need(
        "chromium-headless-shell",
        "opens pages as a reader does",
        Group.TEST,
        ("chromium-headless-shell", "chromium"),
    ),
    Need("graphviz", "reads the graphs that pictures are written as", Group.TEST, ("dot",)),
)
"""All that is needed whatever the state of the toolchain."""

BENCH: Final = (
    Need("nginx", "the stock web server", Group.BENCH, ("nginx",)),
    Need("nsd", "the stock DNS server", Group.BENCH, ("nsd",)),
    Need("nftables", "loads the stock firewall's rules", Group.BENCH, ("nft",)),
    Need("runc", "runs our containers as other engines would", Group.BENCH, ("runc",)),
    Need("procps", "sets the stock forwarders' kernel settings", Group.BENCH, ("sysctl",)),
    Need("wrk", "measures requests a second", Group.BENCH, ("wrk",)),
    Need("dnsperf", "measures queries a second", Group.BENCH, ("dnsperf",)),
    Need("iperf3", "measures bulk transfers and small packets", Group.BENCH, ("iperf3",)),
    Need("ethtool", "turns offloads off", Group.BENCH, ("ethtool",)),
    Need("fio", "reads files, to compare storage with", Group.BENCH, ("fio",)),
)
"""What benchmarks take besides; an installation would start servers on the host's own ports."""

_SYSTEM: Final = ("/usr/local/sbin", "/usr/sbin", "/sbin")


def missing(*groups: Group) -> tuple[Need, ...]:
    """The needs of `groups` (all, if none is named) that are not met, in the table's order."""
    return tuple(need for need in NEEDS if need.group in (groups or Group) and not need.met)


def missing_builders(found: Status) -> tuple[Need, ...]:
    """What must be installed to build what `found` lacks, and the images: Go and Rust.

    Runs `go version` and `rustc --version`.
    """
    return tuple(_builders(found))


def _builders(found: Status) -> Iterator[Need]:
    if not found.ready and not _can_build_go():
        yield Need("golang-go", "builds Pulumi's engine and plugin", Group.BUILD, ("go",))
    if not _has_rust():
        suffix = _rust_suffix()
        yield Need(f"rustc{suffix}", "compiles images", Group.BUILD, ("rustc",))
        yield Need(f"cargo{suffix}", "compiles images", Group.BUILD, ("cargo",))


def _can_build_go() -> bool:
    try:
        return golang.find() is not None or golang.can_fetch()
    except ToolchainError:
        return False


def _has_rust() -> bool:
    try:
        return rust.find() is not None
    except ToolchainError:
        return False


def _rust_suffix() -> str:
    """Debian 12 has a Rust that is new enough beside its own, for browsers' builds."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return ""
    return "-web" if (release["ID"], release.get("VERSION_ID")) == ("debian", "12") else ""


def _exists(piece: str) -> bool:
    if piece.startswith("/"):
        return Path(piece).exists()
    path = os.pathsep.join((os.environ.get("PATH", ""), *_SYSTEM))
    return shutil.which(piece, path=path) is not None
