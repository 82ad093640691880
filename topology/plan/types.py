"""The plan: what would run, as data. `components/` realises it and consults nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from topology.platforms.types import (
    Accelerator,
    Boot,
    BootMethod,
    ConfigDelivery,
    RootFilesystem,
    Variant,
)


class ReplaceOrder(StrEnum):
    """Which generation of a node goes first when it is replaced."""

    CREATE_FIRST = "create-first"
    DELETE_FIRST = "delete-first"


@dataclass(frozen=True, slots=True)
class ImageRef:
    """A built image: `digest` is the SHA-256 of its bytes in hexadecimal, `path` is local."""

    role: str
    variant: Variant
    digest: str
    size: int
    path: Path


@dataclass(frozen=True, slots=True)
class PlannedSegment:
    """A libvirt network with a bridge and no host address.

    `generation` hashes what cannot change while guests are attached; `bridge` is at most 15
    characters (IFNAMSIZ less its NUL). `uplink` is an existing bridge to use instead of one of
    our own, or `None`; where it is given, `bridge` is its name and there is no `network`.
    """

    name: str
    host: str
    network: str | None
    bridge: str
    generation: str
    mtu: int
    uplink: str | None = None


@dataclass(frozen=True, slots=True)
class PlannedRoute:
    """A static route of an interface, in text form."""

    prefix: str
    via: str


@dataclass(frozen=True, slots=True)
class PlannedNic:
    """An interface of a domain; `addresses` carry their prefix lengths.

    `network` is `None` on an uplink: libvirt gives a guest on a network that is somebody else's
    bridge an interface of that bridge, and it is described as what it becomes.
    """

    segment: str
    network: str | None
    bridge: str
    mac: str
    addresses: tuple[str, ...]
    routes: tuple[PlannedRoute, ...]
    link_up: bool = True


@dataclass(frozen=True, slots=True)
class PlannedDomain:
    """A libvirt domain.

    `name` is `<stack>-<node>-<digest prefix>`; `digest` covers the image, the firmware, the
    configuration and every other boot-relevant field. `memory` is in MiB. `config` is the canonical
    JSON document.
    """

    name: str
    node: str
    kind: str
    host: str
    image: ImageRef
    firmware: ImageRef | None
    config: bytes
    config_digest: str
    memory: int
    vcpus: int
    boot: Boot
    nics: tuple[PlannedNic, ...]
    digest: str
    console: str
    replace: ReplaceOrder = ReplaceOrder.CREATE_FIRST

    @property
    def images(self) -> tuple[ImageRef, ...]:
        """The images that it starts with."""
        return (self.image,) if self.firmware is None else (self.image, self.firmware)

    @property
    def firmware_digest(self) -> str:
        """The digest of its firmware, empty where it has none."""
        return self.firmware.digest if self.firmware else ""


@dataclass(frozen=True, slots=True)
class OutsideClient:
    """How to stand where an external node stands: its segment's bridge, addresses and routes.

    `resolvers` are the addresses of the topology's DNS nodes.
    """

    node: str
    segment: str
    bridge: str
    mac: str
    addresses: tuple[str, ...]
    routes: tuple[PlannedRoute, ...]
    resolvers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Deployment:
    """Everything that a stack deploys; equal inputs give equal plans, byte for byte."""

    stack: str
    topology: str
    variant: Variant
    segments: tuple[PlannedSegment, ...]
    domains: tuple[PlannedDomain, ...]
    outside: tuple[OutsideClient, ...]


__all__ = [
    "Accelerator",
    "Boot",
    "BootMethod",
    "ConfigDelivery",
    "Deployment",
    "ImageRef",
    "OutsideClient",
    "PlannedDomain",
    "PlannedNic",
    "PlannedRoute",
    "PlannedSegment",
    "ReplaceOrder",
    "RootFilesystem",
    "Variant",
]
