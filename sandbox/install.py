"""Installing what is missing: Debian packages as root, everything else as the lab's owner."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import toolchain
from toolchain import packages, python
from toolchain.packages import Group, Need

from . import process
from .errors import LabError, Missing, NotPermitted
from .paths import Lab
from .process import Json
from .progress import Progress

__all__ = ["Tools", "ensure", "find", "install_packages", "missing", "missing_linters"]


@dataclass(frozen=True, slots=True)
class Tools:
    """Where the installed tools are: directories for PATH, and the Python environment."""

    directories: tuple[Path, ...]
    venv: Path


def ensure(
    lab: Lab, progress: Progress, *, yes: bool, dev: bool = False, privileged: bool = True
) -> Tools:
    """Install what is missing and return where it is; does nothing when all is there.

    `dev` adds what the tests need. Raises LabError.
    """
    with progress.step("packages"):
        install_packages(missing(lab, dev=dev, privileged=privileged), progress, yes=yes)

    def build() -> Json:
        tools = toolchain.ensure(lab.cache, progress)
        venv = python.ensure_venv(lab.cache, lab.root, dev=dev, progress=progress)
        python.write_launcher(venv, lab.root, lab.programs)
        toolchain.link_plugins(tools, lab.pulumi_home)
        return [str(lab.programs), str(venv / "bin"), str(tools.bin)]

    with progress.step("toolchain"):
        found = process.owned(lab.owner, build)
    if not isinstance(found, list):
        raise LabError("the toolchain did not say where it is")
    directories = tuple(Path(str(item)) for item in found)
    return Tools(directories, directories[1].parent)


def find(lab: Lab) -> Tools:
    """Return where the tools are that `ensure` installed earlier; raises Missing."""
    found = toolchain.status(lab.cache)
    venv = python.find_venv(lab.cache, lab.root) or python.find_venv(lab.cache, lab.root, dev=True)
    if venv is None or not found.ready or not (lab.programs / "topology").exists():
        raise Missing("the lab's tools are not installed", hint="./lab up installs them")
    tools = toolchain.ensure(lab.cache)
    return Tools((lab.programs, venv / "bin", tools.bin), venv)


def missing_linters() -> tuple[Need, ...]:
    """Return the parts of Rust that checks need and that the distribution packs by themselves."""
    suffixed = shutil.which("rustc-web") is not None or _is_debian_12()
    packages_of = {
        "cargo-fmt": ("rustfmt-web" if suffixed else "rustfmt", "checks how Rust is formatted"),
        "cargo-clippy": ("rust-web-clippy" if suffixed else "rust-clippy", "lints Rust"),
    }
    return tuple(
        Need(package, why, Group.TEST, (command,))
        for command, (package, why) in packages_of.items()
        if shutil.which(command) is None
    )


def missing(lab: Lab, *, dev: bool = False, privileged: bool = True) -> tuple[Need, ...]:
    """Return what is not there; without privilege, what only a running lab needs is left out."""
    groups = {Group.BUILD}
    if privileged:
        groups |= {Group.BASE, Group.PROBE}
    if privileged and dev:
        groups |= {Group.TEST}
    return packages.missing(*groups) + packages.missing_builders(toolchain.status(lab.cache))


def install_packages(needs: Sequence[Need], progress: Callable[[str], None], *, yes: bool) -> None:
    """Install Debian packages, saying what for; raises LabError."""
    if not needs:
        return
    width = max(len(need.package) for need in needs)
    listing = "\n".join(f"  {need.package:{width}}  {need.why}" for need in needs)
    names = " ".join(need.package for need in needs)
    if shutil.which("apt-get") is None:
        raise Missing(
            f"this needs, by their Debian names:\n{listing}",
            hint="install them with this distribution's own tool",
        )
    if os.geteuid() != 0:
        raise NotPermitted(
            f"these Debian packages are missing:\n{listing}",
            hint=f"apt-get install --no-install-recommends {names}",
        )
    progress(f"installing Debian packages:\n{listing}")
    if not yes and sys.stdin.isatty() and not _agreed():
        raise Missing("nothing was installed", hint=f"it needs {names}")
    environment = {
        **os.environ,
        "DEBIAN_FRONTEND": "noninteractive",
        "PATH": process.SYSTEM_PATH,
    }

    def apt(*arguments: str) -> subprocess.CompletedProcess[str]:
        return process.capture(
            ["apt-get", "-q", *arguments], environment=environment, cwd=Path("/"), seconds=1800.0
        )

    # An update may fail for one source of several; what counts is the installation.
    apt("update")
    done = apt("install", "--yes", "--no-install-recommends", *(need.package for need in needs))
    if done.returncode != 0:
        raise LabError(
            "the Debian packages could not be installed",
            log="\n".join((done.stdout + done.stderr).splitlines()[-12:]),
            hint=f"apt-get install --no-install-recommends {names}",
        )


def _agreed() -> bool:
    print("Install them? [Y/n] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in {"", "y", "yes"}


def _is_debian_12() -> bool:
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return False
    return (release["ID"], release.get("VERSION_ID")) == ("debian", "12")
