"""What the lab's libvirt finds as QEMU: `emulator.s`, assembled, as a Linux program."""

from __future__ import annotations

import os

from sandbox.elf import LOAD, Segment, executable, start

from .image import CODE

__all__ = ["NAME", "elf"]

NAME = "qemu-system-x86_64"
_PAGE = 0x400000


def elf(program: str) -> bytes:
    """Return the program, which executes `program`: the path stands behind the code."""
    entry = _PAGE + start(1)
    content = CODE + os.fsencode(program) + b"\0"
    return executable(entry, [Segment(LOAD, 5, content, entry)])
