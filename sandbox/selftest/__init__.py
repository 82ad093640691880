"""The guest that an accelerator is tried with: `selftest.s`, assembled, as a PVH kernel."""

from __future__ import annotations

import struct

from .image import CODE

__all__ = ["ADDRESS", "PASSED", "READY", "elf"]

ADDRESS = 0x100000
MEMORY = 0xB000  # the code's page, and the tables and stacks that selftest.s lays out behind it
PASSED = (0x10 << 1) | 1  # QEMU's exit code when the guest writes 0x10 to isa-debug-exit
READY = b'{"event":"ready","node":"selftest","kind":"selftest"}'

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")


def elf(code: bytes = CODE) -> bytes:
    """Return the guest as an ELF file whose Xen note (type 18) names its 32-bit entry."""
    note = struct.pack("<III4sI", 4, 4, 18, b"Xen\0", ADDRESS)
    start = _HEADER.size + 2 * _SEGMENT.size
    header = _HEADER.pack(
        b"\x7fELF\x02\x01\x01", 2, 62, 1, ADDRESS, _HEADER.size, 0, 0,
        _HEADER.size, _SEGMENT.size, 2, 0, 0, 0,
    )  # fmt: skip
    load = _SEGMENT.pack(1, 7, start, ADDRESS, ADDRESS, len(code), MEMORY, 4)
    notes = _SEGMENT.pack(4, 4, start + len(code), 0, 0, len(note), len(note), 4)
    return header + load + notes + code + note
