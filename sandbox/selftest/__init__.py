"""The guest that an accelerator is tried with: `selftest.s`, assembled, as a PVH kernel."""

from __future__ import annotations

import struct

from sandbox.elf import LOAD, NOTE, Segment, executable

from .image import CODE

__all__ = ["ADDRESS", "PASSED", "READY", "elf"]

ADDRESS = 0x100000
MEMORY = 0xB000  # the code's page, and the tables and stacks that selftest.s lays out behind it
PASSED = (0x10 << 1) | 1  # QEMU's exit code when the guest writes 0x10 to isa-debug-exit
READY = b'{"event":"ready","node":"selftest","kind":"selftest"}'


def elf(code: bytes = CODE) -> bytes:
    """Return the guest as an ELF file whose Xen note (type 18) names its 32-bit entry."""
    note = struct.pack("<III4sI", 4, 4, 18, b"Xen\0", ADDRESS)
    return executable(
        ADDRESS, [Segment(LOAD, 7, code, ADDRESS, memory=MEMORY), Segment(NOTE, 4, note)]
    )
