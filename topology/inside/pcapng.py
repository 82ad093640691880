"""Packets as pcapng (draft-ietf-opsawg-pcapng), from the streams of several tcpdumps.

tcpdump writes the older format, which has one interface without a name a file. Here each stream
becomes an interface with a name and a description, so that a reader sees which node's port or
which segment a packet was seen on.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = ["PcapError", "Stream", "interface_block", "packet_block", "section_block"]

_NANOSECONDS = 0xA1B23C4D
_FILE_HEADER = struct.Struct("IHHiIII")
_RECORD = struct.Struct("IIII")
_LARGEST = 1 << 20


class PcapError(Exception):
    """What came is no stream of tcpdump's."""


@dataclass(frozen=True, slots=True)
class Record:
    """A packet: nanoseconds since 1970, its length on the wire, the bytes captured."""

    time: int
    length: int
    data: bytes


@dataclass(slots=True)
class Stream:
    """Takes the bytes of one tcpdump as they come; `link` is its link type once it is known."""

    link: int | None = None
    _rest: bytearray = field(default_factory=bytearray)

    def feed(self, data: bytes) -> Iterator[Record]:
        """The packets that are complete now; raises `PcapError`."""
        self._rest += data
        if self.link is None:
            if len(self._rest) < _FILE_HEADER.size:
                return
            magic, *_, self.link = _FILE_HEADER.unpack_from(self._rest)
            if magic != _NANOSECONDS:
                raise PcapError(f"no capture of this machine's tcpdump: {magic:#x}")
            del self._rest[: _FILE_HEADER.size]
        while len(self._rest) >= _RECORD.size:
            seconds, nanoseconds, captured, length = _RECORD.unpack_from(self._rest)
            if captured > _LARGEST:
                raise PcapError(f"a packet of {captured} bytes")
            end = _RECORD.size + captured
            if len(self._rest) < end:
                return
            data = bytes(self._rest[_RECORD.size : end])
            del self._rest[:end]
            yield Record(seconds * 1_000_000_000 + nanoseconds, length, data)


def section_block(application: str, comment: str) -> bytes:
    """What a file begins with (section 4.1)."""
    body = struct.pack("IHHq", 0x1A2B3C4D, 1, 0, -1)
    return _block(0x0A0D0D0A, body + _options((4, application.encode()), (1, comment.encode())))


def interface_block(link: int, name: str, description: str, filtered: str) -> bytes:
    """An interface (section 4.2), its times in nanoseconds."""
    options = [(2, name.encode()), (3, description.encode()), (9, b"\x09")]
    if filtered:
        options.append((11, b"\x00" + filtered.encode()))
    return _block(1, struct.pack("HHI", link, 0, 0) + _options(*options))


def packet_block(interface: int, record: Record) -> bytes:
    """A packet (section 4.3)."""
    high, low = record.time >> 32, record.time & 0xFFFFFFFF
    head = struct.pack("IIIII", interface, high, low, len(record.data), record.length)
    return _block(6, head + _padded(record.data))


def _options(*options: tuple[int, bytes]) -> bytes:
    said = b"".join(struct.pack("HH", code, len(v)) + _padded(v) for code, v in options)
    return said + struct.pack("HH", 0, 0)


def _block(kind: int, body: bytes) -> bytes:
    length = len(body) + 12
    return struct.pack("II", kind, length) + body + struct.pack("I", length)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
