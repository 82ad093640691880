"""ELF files of 64 bits (System V ABI, chapters 4 and 5), as far as our own machine code needs."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["LOAD", "NOTE", "Segment", "executable", "start"]

LOAD, NOTE = 1, 4
"""What a segment is: mapped, or a note about the file."""

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")


@dataclass(frozen=True, slots=True)
class Segment:
    """Bytes of the file; `memory` is how many a mapped one takes, where it is more."""

    kind: int
    flags: int
    content: bytes
    address: int = 0
    memory: int = 0


def start(count: int) -> int:
    """Where in the file the first of `count` segments begins."""
    return _HEADER.size + count * _SEGMENT.size


def executable(entry: int, segments: Sequence[Segment]) -> bytes:
    """Return an executable for x86-64 whose segments follow each other in the file."""
    header = _HEADER.pack(
        b"\x7fELF\x02\x01\x01", 2, 62, 1, entry, _HEADER.size, 0, 0,
        _HEADER.size, _SEGMENT.size, len(segments), 0, 0, 0,
    )  # fmt: skip
    table, content = b"", b""
    for one in segments:
        offset, size = start(len(segments)) + len(content), len(one.content)
        memory = max(size, one.memory)
        place = (offset, one.address, one.address, size, memory)
        table += _SEGMENT.pack(one.kind, one.flags, *place, 4)
        content += one.content
    return header + table + content
