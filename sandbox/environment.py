"""The environment in which `pulumi`, `topology` and `virsh` meet the lab."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from . import accelerator
from .paths import Lab

__all__ = ["child", "exports", "path", "privileged", "shell"]


def exports(lab: Lab, directories: tuple[Path, ...], inherited: str) -> dict[str, str]:
    """Return what `lab env` exports; `directories` go before the `inherited` PATH."""
    variables = {
        "LIBVIRT_DEFAULT_URI": lab.uri,
        "PATH": path(directories, inherited),
        "PULUMI_BACKEND_URL": lab.backend.as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_HOME": str(lab.pulumi_home),
        "PULUMI_SKIP_UPDATE_CHECK": "1",
        "TOPOLOGY_ACCELERATOR": accelerator.choose(lab).accelerator.value,
        "TOPOLOGY_CONSOLES": str(lab.consoles),
        "TOPOLOGY_IMAGES": str(lab.images),
        "TOPOLOGY_NAMESPACE": str(lab.namespaces),
    }
    if Path("/proc/self/ns/user").exists():
        # Then libvirt maps containers into user namespaces, which needs roots that are mounted.
        variables["TOPOLOGY_ROOTFS"] = "mount"
    return variables


def path(directories: tuple[Path, ...], inherited: str) -> str:
    """Return a PATH with `directories` ahead of what was inherited, none of them twice."""
    ahead = [str(directory) for directory in directories]
    behind = [part for part in inherited.split(":") if part and part not in ahead]
    return ":".join([*ahead, *behind])


def shell(variables: Mapping[str, str]) -> str:
    """Return the variables as shell commands, quoted."""
    lines = [f"export {name}={shlex.quote(value)}" for name, value in sorted(variables.items())]
    return "\n".join(lines)


def child(lab: Lab, variables: Mapping[str, str]) -> dict[str, str]:
    """Return the whole environment of a program that runs as the lab's owner.

    It keeps bytecode in the lab's cache, also where the caller wants none beside sources: a run
    of Pulumi's program imports 560 modules, and compiling them takes longer than the rest of it.
    """
    ours = {
        "HOME": str(lab.owner.home),
        "LOGNAME": lab.owner.name,
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str(lab.cache / "bytecode"),
        "USER": lab.owner.name,
    }
    return {**os.environ, **ours, **variables}


def privileged(lab: Lab, variables: Mapping[str, str]) -> dict[str, str]:
    """Return the whole environment of a program that keeps root's identity.

    It reads bytecode from where the owner's programs keep it, and writes none for them.
    """
    bytecode = {
        "PYTHONDONTWRITEBYTECODE": "" if lab.owner.is_root else "1",
        "PYTHONPYCACHEPREFIX": str(lab.cache / "bytecode"),
    }
    return {**os.environ, **bytecode, **variables}
