"""A stack's configuration: its own settings first, then the environment, then a default."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

import pulumi

from topology.diagnostics import Severity
from topology.plan.settings import DEFAULT_CONSOLES
from topology.plan.types import Accelerator, RootFilesystem, Variant
from topology.render.uri import DEFAULT_URI

__all__ = ["Gate", "Settings", "SettingsError", "read_settings"]

E = TypeVar("E", bound=StrEnum)


class Gate(StrEnum):
    """What a statement that does not hold means for a deployment."""

    ENFORCE = "enforce"
    WARN = "warn"

    @property
    def severity(self) -> Severity:
        """How a broken statement is reported."""
        return Severity.ERROR if self is Gate.ENFORCE else Severity.WARNING


class SettingsError(pulumi.RunError):
    """A stack's configuration is unusable; the text says what to type."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a stack is told beside its topology.

    `file` is the topology; relative paths begin at the project. `consoles` is a directory of
    libvirt's host. `uri` is libvirt's, of its QEMU driver; the LXC driver's follows from it.
    `statements` says whether a topology is deployed of which one does not hold.
    """

    stack: str
    variant: Variant
    file: Path
    uplink: str | None
    accelerator: Accelerator
    rootfs: RootFilesystem
    consoles: str
    uri: str
    statements: Gate = Gate.ENFORCE


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of the stack that runs; raises `SettingsError`."""
    config = pulumi.Config("topology")
    variant = config.get("variant")
    if variant is None:
        raise SettingsError(
            "topology:variant is not set. "
            f"Hint: pulumi config set topology:variant {' or '.join(Variant)}"
        )
    accelerator = config.get("accelerator") or environment.get("TOPOLOGY_ACCELERATOR")
    rootfs = config.get("rootfs") or environment.get("TOPOLOGY_ROOTFS")
    return Settings(
        stack=pulumi.get_stack(),
        variant=_choice("variant", variant, Variant),
        file=Path(config.get("file") or "poc.yaml"),
        uplink=config.get("uplink") or None,
        accelerator=_choice("accelerator", accelerator or Accelerator.KVM, Accelerator),
        rootfs=_choice("rootfs", rootfs or RootFilesystem.FILE, RootFilesystem),
        consoles=config.get("consoles") or environment.get("TOPOLOGY_CONSOLES") or DEFAULT_CONSOLES,
        uri=_uri(
            pulumi.Config("libvirt").get("uri")
            or environment.get("LIBVIRT_DEFAULT_URI")
            or DEFAULT_URI
        ),
        statements=_choice("statements", config.get("statements") or Gate.ENFORCE, Gate),
    )


def _choice(key: str, value: str, kind: type[E]) -> E:
    try:
        return kind(value)
    except ValueError:
        known = " or ".join(kind)
        raise SettingsError(
            f"{value!r} is no {key}: it is {known}. "
            f"Hint: pulumi config set topology:{key} {next(iter(kind))}"
        ) from None


def _uri(uri: str) -> str:
    if not uri.startswith(("qemu:", "qemu+")):
        raise SettingsError(
            f"libvirt:uri {uri!r} does not name libvirt's QEMU driver. "
            "Hint: give qemu:///system or qemu+ssh://root@host/system, for containers too"
        )
    return uri
