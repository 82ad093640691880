"""The environment in which `pulumi`, `topology` and `virsh` meet the lab."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from . import accelerator
from .paths import Lab

__all__ = ["child", "exports", "shell"]


def exports(lab: Lab, directories: tuple[Path, ...], inherited: str) -> dict[str, str]:
    """Return what `lab env` exports; `directories` go before the `inherited` PATH."""
    ahead = [str(directory) for directory in directories]
    behind = [part for part in inherited.split(":") if part and part not in ahead]
    return {
        "LIBVIRT_DEFAULT_URI": lab.uri,
        "PATH": ":".join([*ahead, *behind]),
        "PULUMI_BACKEND_URL": lab.backend.as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_HOME": str(lab.pulumi_home),
        "PULUMI_SKIP_UPDATE_CHECK": "1",
        "TOPOLOGY_ACCELERATOR": accelerator.chosen(lab),
        "TOPOLOGY_CONSOLES": str(lab.consoles),
        "TOPOLOGY_IMAGES": str(lab.images),
        "TOPOLOGY_NAMESPACE": str(lab.namespaces),
        "TOPOLOGY_ROOTFS": "mount",
    }


def shell(variables: Mapping[str, str]) -> str:
    """Return the variables as shell commands, quoted."""
    lines = [f"export {name}={shlex.quote(value)}" for name, value in sorted(variables.items())]
    return "\n".join(lines)


def child(lab: Lab, variables: Mapping[str, str]) -> dict[str, str]:
    """Return the whole environment of a program that runs as the lab's owner."""
    ours = {
        "HOME": str(lab.owner.home),
        "LOGNAME": lab.owner.name,
        "PYTHONDONTWRITEBYTECODE": "1",
        "USER": lab.owner.name,
    }
    return {**os.environ, **ours, **variables}
