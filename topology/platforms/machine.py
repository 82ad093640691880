"""This project's own unikernels: Rust on its own machine layer, booted by PVH."""

from __future__ import annotations

from dataclasses import dataclass

from topology.platforms.types import (
    FIRMWARE,
    Boot,
    BootMethod,
    ConfigDelivery,
    HostSettings,
    Variant,
)
from topology.resolve.types import Dataplane, Kind


@dataclass(frozen=True, slots=True)
class Machine:
    """A static ELF as direct kernel, its configuration as the first boot module.

    The machine is `pc` because libvirt has no PCI for microvm, and the firmware our own because
    others set up what no node uses: 20 ms of a start, or seconds where ring 0 is interpreted.
    """

    variant: Variant = Variant.UNIKERNEL
    default_memory: int = 8
    least_memory: int = 4
    firmware: str | None = FIRMWARE
    most_interfaces: int | None = 8

    def boot(self, kind: Kind, dataplane: Dataplane, host: HostSettings) -> Boot:
        """How a node of this kind boots: all alike, since a unikernel is its only dataplane."""
        return Boot(
            method=BootMethod.KERNEL,
            config=ConfigDelivery.BOOT_MODULE,
            nic_model="virtio",
            virtio="modern",
            machine="pc",
            accelerator=host.accelerator,
        )


__all__ = ["Machine"]
