"""The few Ethernet frames that ask a node for its first reply (RFC 826, 768, 793, 1035)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address

__all__ = [
    "ACK",
    "BROADCAST",
    "PORT",
    "PSH",
    "RST",
    "SYN",
    "TCP",
    "UDP",
    "Ask",
    "Target",
    "is_asked",
    "is_reply",
    "link_address",
    "presence",
    "question",
    "reset",
    "tcp",
    "udp",
]

BROADCAST = b"\xff" * 6
PORT = 40000
SYN, RST, PSH, ACK = 0x02, 0x04, 0x08, 0x10
SYN_ACK = SYN | ACK
TCP, UDP = 6, 17

# A query for the root's name servers: whatever a server says to it, it is a reply.
QUERY = struct.pack(">HHHHHHBHH", 0x1D1D, 0, 1, 0, 0, 0, 0, 2, 1)


@dataclass(frozen=True, slots=True)
class Target:
    """Whom to ask: a node's address on a segment, and the protocol and port of its service.

    `protocol` is 0 for nodes without one, whose link address is all there is to ask for. `source`
    is an address of the segment that nobody has.
    """

    node: str
    bridge: str
    address: IPv4Address
    source: IPv4Address
    protocol: int
    port: int


@dataclass(frozen=True, slots=True)
class Ask:
    """From which link address to which."""

    ours: bytes
    theirs: bytes = BROADCAST


def question(target: Target, ask: Ask) -> bytes:
    """Return the frame that asks for a link address, or for the service once that is known."""
    if ask.theirs == BROADCAST:
        return (
            struct.pack(">6s6sH", BROADCAST, ask.ours, 0x0806)
            + struct.pack(">HHBBH", 1, 0x0800, 6, 4, 1)
            + struct.pack(">6s4s", ask.ours, target.source.packed)
            + struct.pack(">6s4s", bytes(6), target.address.packed)
        )
    if target.protocol == TCP:
        return tcp(target, ask, SYN)
    return udp(target, ask, QUERY)


def reset(target: Target, ask: Ask) -> bytes:
    """Return the frame that takes a connection back."""
    return tcp(target, ask, RST, sequence=1)


def tcp(
    target: Target,
    ask: Ask,
    flags: int,
    *,
    source_port: int = PORT,
    sequence: int = 0,
    acknowledge: int = 0,
    payload: bytes = b"",
) -> bytes:
    """Return the frame of one TCP segment to the target's service."""
    ports = struct.pack(">HH", source_port, target.port)
    numbers = struct.pack(">IIBBH", sequence, acknowledge, 0x50, flags, 0xFFFF)
    segment = ports + numbers + bytes(4) + payload
    total = struct.pack(">H", _sum(target, segment))
    return _ip(target, ask, segment[:16] + total + segment[18:])


def udp(target: Target, ask: Ask, payload: bytes) -> bytes:
    """Return the frame of one datagram to the target's service."""
    datagram = struct.pack(">HHHH", PORT, target.port, 8 + len(payload), 0) + payload
    total = struct.pack(">H", _sum(target, datagram) or 0xFFFF)
    return _ip(target, ask, datagram[:6] + total + datagram[8:])


def link_address(frame: bytes, target: Target) -> bytes | None:
    """Return the target's link address if the frame is its answer for it."""
    if len(frame) < 42 or frame[12:14] != b"\x08\x06" or frame[20:22] != b"\x00\x02":
        return None
    return frame[22:28] if frame[28:32] == target.address.packed else None


def is_asked(frame: bytes, target: Target) -> bool:
    """Return whether the frame asks for the link address of who asks the target."""
    if len(frame) < 42 or frame[12:14] != b"\x08\x06" or frame[20:22] != b"\x00\x01":
        return False
    return frame[28:32] == target.address.packed and frame[38:42] == target.source.packed


def presence(target: Target, ask: Ask) -> bytes:
    """Return the frame that tells the target our link address."""
    return (
        struct.pack(">6s6sH", ask.theirs, ask.ours, 0x0806)
        + struct.pack(">HHBBH", 1, 0x0800, 6, 4, 2)
        + struct.pack(">6s4s", ask.ours, target.source.packed)
        + struct.pack(">6s4s", ask.theirs, target.address.packed)
    )


def is_reply(frame: bytes, target: Target) -> bool:
    """Return whether the frame is the reply of the target's service to us."""
    if len(frame) < 42 or frame[12:14] != b"\x08\x00" or frame[23] != target.protocol:
        return False
    if frame[26:34] != target.address.packed + target.source.packed:
        return False
    start = 14 + 4 * (frame[14] & 0x0F)
    if frame[start : start + 4] != struct.pack(">HH", target.port, PORT):
        return False
    if target.protocol == TCP:
        return len(frame) > start + 13 and frame[start + 13] & SYN_ACK == SYN_ACK
    return True


def _ip(target: Target, ask: Ask, payload: bytes) -> bytes:
    head = struct.pack(
        ">BBHHHBBH4s4s",
        *(0x45, 0, 20 + len(payload), 0, 0x4000, 64, target.protocol, 0),
        *(target.source.packed, target.address.packed),
    )
    head = head[:10] + struct.pack(">H", checksum(head)) + head[12:]
    return struct.pack(">6s6sH", ask.theirs, ask.ours, 0x0800) + head + payload


def _sum(target: Target, payload: bytes) -> int:
    addresses = target.source.packed + target.address.packed
    return checksum(addresses + struct.pack(">HH", target.protocol, len(payload)) + payload)


def checksum(data: bytes) -> int:
    """Return the Internet checksum (RFC 1071)."""
    padded = data + bytes(len(data) % 2)
    total: int = sum(struct.unpack(f">{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
