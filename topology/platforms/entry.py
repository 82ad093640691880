"""What the catalogue says of a platform; nothing in it is guessed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from topology.platforms.types import Variant


class Method(StrEnum):
    """How a hypervisor starts a guest."""

    DIRECT_KERNEL = "direct kernel"
    DISK = "disk"
    EFI = "EFI"
    INIT = "container init"
    MULTIBOOT = "multiboot direct kernel"
    PVH = "PVH direct kernel"
    TENDER = "own tender"


class Generation(StrEnum):
    """Which virtio a guest's drivers speak (virtio 1.2, section 1.4)."""

    LEGACY = "legacy"
    MODERN = "modern"
    TRANSITIONAL = "transitional"


class Addressing(StrEnum):
    """How a guest learns its addresses."""

    APPLICATION = "application"
    BOOT_MODULE = "boot module"
    BUILD = "image build"
    COMMAND_LINE = "command line"
    CONFIGURATION = "configuration file"
    DHCP = "DHCP"
    DOMAIN = "domain configuration"
    HOST = "host"


class State(StrEnum):
    """What a source says of its development."""

    ACTIVE = "active"
    DORMANT = "dormant"
    ENDED = "ended"
    RESEARCH = "research"


@dataclass(frozen=True, slots=True)
class Limit:
    """What cannot be done with a platform here, and why."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Platform:
    """A library operating system, or what stands beside it; `None` is "not established".

    `hypervisors` are those it names itself. `least_memory` and `example_memory` are in MiB: the
    least that is claimed or measured, or what its own examples give a guest. `last` is its last
    release or year of activity. `variant` is set where this project boots nodes on it.
    """

    name: str
    state: State | None
    remark: str
    languages: tuple[str, ...] | None = None
    hypervisors: tuple[str, ...] | None = None
    boot: tuple[Method, ...] | None = None
    image_formats: tuple[str, ...] | None = None
    network: str | None = None
    virtio: Generation | None = None
    addressing: tuple[Addressing, ...] | None = None
    least_memory: str | None = None
    example_memory: int | None = None
    last: str | None = None
    licence: str | None = None
    limits: tuple[Limit, ...] = ()
    variant: Variant | None = None


__all__ = ["Addressing", "Generation", "Limit", "Method", "Platform", "State"]
