"""Storage trials: the data that they read, what they are told, and where the data is attached.

A trial is run by the images `storage` of both variants (`services/storage`), which check what they
read: every page of the data begins with its own number.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement

__all__ = ["PAGE", "Pattern", "Trial", "attach_disk", "bind_data", "write_data"]

PAGE = 4096
"""Bytes of a page of the data."""


class Pattern(StrEnum):
    """In which order a trial reads."""

    SEQUENTIAL = "sequential"
    RANDOM = "random"


@dataclass(frozen=True, slots=True)
class Trial:
    """Reads of `block` bytes, one after the other; `direct` passes the host's page cache by.

    A virtual disk leaves `direct` to the hypervisor: `attach_disk` tells that.
    """

    pattern: Pattern
    block: int
    reads: int
    direct: bool = False
    seed: int = 1

    def document(self) -> bytes:
        """What the image is told, as boot module or bound file."""
        document = {
            "version": 1,
            "pattern": self.pattern.value,
            "block": self.block,
            "reads": self.reads,
            "seed": self.seed,
            "direct": self.direct,
        }
        return json.dumps(document).encode()


def write_data(path: Path, size: int) -> None:
    """Writes `size` bytes, whole pages, each with its number in front.

    The rest of a page is the number again and again, so that no file system stores it as a hole.
    """
    if size <= 0 or size % PAGE:
        raise ValueError(f"{size} bytes are no whole pages of {PAGE}")
    with path.open("wb") as file:
        for number in range(size // PAGE):
            file.write(number.to_bytes(8, "little") * (PAGE // 8))


def attach_disk(domain: Element, data: Path, *, direct: bool) -> None:
    """Gives a virtual machine the data as a read-only virtio disk, `direct` past the host's cache.

    https://libvirt.org/formatdomain.html#hard-drives-floppy-disks-cdroms
    """
    disk = SubElement(_devices(domain), "disk", type="file", device="disk")
    cache = "none" if direct else "writeback"
    SubElement(disk, "driver", name="qemu", type="raw", cache=cache)
    SubElement(disk, "source", file=str(data))
    SubElement(disk, "target", dev="vda", bus="virtio")
    SubElement(disk, "readonly")


def bind_data(domain: Element, data: Path) -> None:
    """Binds the data into a container, read-only, where its image looks for it."""
    bound = SubElement(_devices(domain), "filesystem", type="mount")
    SubElement(bound, "source", dir=str(data))
    SubElement(bound, "target", dir="/data")
    SubElement(bound, "readonly")


def _devices(domain: Element) -> Element:
    devices = domain.find("devices")
    if devices is None:
        raise ValueError("a domain without devices")
    return devices
