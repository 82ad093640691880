"""Linux containers by libvirt's LXC driver: one static binary as init on a read-only root."""

from __future__ import annotations

from dataclasses import dataclass

from topology.platforms.types import (
    Boot,
    BootMethod,
    ConfigDelivery,
    HostSettings,
    Variant,
)
from topology.resolve.types import Dataplane, Kind

# Init configures the interfaces and, on a kernel dataplane, loads the ruleset over netlink; then it
# empties the bounding set and stops being root, mapped or not, before it serves.
_ALWAYS = frozenset({"net_admin", "setgid", "setpcap", "setuid"})
# Ports below 1024.
_SERVING = frozenset({"net_bind_service"})
# Packet sockets.
_SHARED = frozenset({"net_raw"})


@dataclass(frozen=True, slots=True)
class LinuxContainer:
    """A squashfs as root, its configuration bound into it as one file."""

    variant: Variant = Variant.CONTAINERS
    default_memory: int = 16
    least_memory: int = 4
    firmware: str | None = None
    most_interfaces: int | None = None

    def boot(self, kind: Kind, dataplane: Dataplane, host: HostSettings) -> Boot:
        """How a node of this kind boots, with the capabilities that it needs and no more."""
        capabilities = _ALWAYS
        if kind in (Kind.DNS, Kind.WEB):
            capabilities |= _SERVING
        elif dataplane is Dataplane.SHARED:
            capabilities |= _SHARED
        return Boot(
            method=BootMethod.INIT,
            config=ConfigDelivery.FILE,
            nic_model="veth",
            root=host.rootfs,
            init="/init",
            capabilities=tuple(sorted(capabilities)),
        )


__all__ = ["LinuxContainer"]
