"""What can run a node, in general terms: how a domain boots and what a platform needs for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from topology.resolve.types import Dataplane, Kind


class Variant(StrEnum):
    """How every node of a stack runs."""

    CONTAINERS = "containers"
    UNIKERNEL = "unikernel"


class Accelerator(StrEnum):
    """What executes a guest's instructions."""

    KVM = "kvm"
    TCG = "tcg"


class BootMethod(StrEnum):
    """How a domain starts."""

    DISK = "disk"
    INIT = "init"
    KERNEL = "kernel"


class ConfigDelivery(StrEnum):
    """How a node receives its configuration document."""

    BOOT_MODULE = "boot-module"
    COMMAND_LINE = "command-line"
    FILE = "file"


class RootFilesystem(StrEnum):
    """How a container gets its read-only root.

    `mount`: libvirtd mounts the image, the container is mapped into a user namespace.
    `file`: the container's controller loops the image; init gives its privileges up itself.
    """

    FILE = "file"
    MOUNT = "mount"


@dataclass(frozen=True, slots=True)
class Boot:
    """How a domain boots, in general terms, so that another library OS is another value.

    `init` is an absolute path in the guest.
    `virtio` is the generation of the guest's drivers, `None` where it has none.
    `capabilities` are the Linux capabilities that a container starts with, in lower case.
    """

    method: BootMethod
    config: ConfigDelivery
    nic_model: str = "virtio"
    virtio: str | None = None
    machine: str | None = None
    accelerator: Accelerator | None = None
    root: RootFilesystem | None = None
    init: str | None = None
    capabilities: tuple[str, ...] = ()


FIRMWARE = "firmware"
"""The role of the image that a machine starts with, where it starts with one of ours."""


@dataclass(frozen=True, slots=True)
class HostSettings:
    """What the host that a stack is placed on offers; configuration, never probed here."""

    accelerator: Accelerator
    rootfs: RootFilesystem


class Adapter(Protocol):
    """What the plan asks of a platform."""

    @property
    def variant(self) -> Variant:
        """The variant whose nodes it boots."""
        ...

    @property
    def default_memory(self) -> int:
        """MiB for a node that declares none."""
        ...

    @property
    def least_memory(self) -> int:
        """MiB below which a node does not serve."""
        ...

    @property
    def firmware(self) -> str | None:
        """The role of the image that its machines start with; `None` where they need none."""
        ...

    @property
    def most_interfaces(self) -> int | None:
        """How many interfaces a node carries; `None` where only the host bounds it."""
        ...

    def boot(self, kind: Kind, dataplane: Dataplane, host: HostSettings) -> Boot:
        """How a node of this kind boots."""
        ...


__all__ = [
    "FIRMWARE",
    "Accelerator",
    "Adapter",
    "Boot",
    "BootMethod",
    "ConfigDelivery",
    "HostSettings",
    "RootFilesystem",
    "Variant",
]
