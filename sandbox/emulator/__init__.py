"""What the lab's libvirt finds as QEMU: `emulator.s`, assembled, as a Linux program."""

from __future__ import annotations

import struct

from .image import CODE

__all__ = ["ADDRESS", "NAME", "elf"]

ADDRESS = 0x400000
NAME = "qemu-system-x86_64"

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")


def elf(code: bytes = CODE) -> bytes:
    """Return the program as an ELF file of one segment, read and executed."""
    start = _HEADER.size + _SEGMENT.size
    header = _HEADER.pack(
        b"\x7fELF\x02\x01\x01", 2, 62, 1, ADDRESS + start, _HEADER.size, 0, 0,
        _HEADER.size, _SEGMENT.size, 1, 0, 0, 0,
    )  # fmt: skip
    size = start + len(code)
    return header + _SEGMENT.pack(1, 5, 0, ADDRESS, ADDRESS, size, size, 4096) + code
