"""Internet checksums (RFC 1071) of whole packets."""

from __future__ import annotations

import struct

__all__ = ["checked", "has_wrong_transport", "ones"]

# Where TCP, UDP, ICMP and ICMPv6 have theirs.
_PLACES = {6: 16, 17: 6, 1: 2, 58: 2}


def ones(data: bytes) -> int:
    """The ones' complement sum of 16-bit words."""
    data += b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def checked(packet: bytes, *, header: bool) -> bytes:
    """A packet with its checksums as far as it can be read, IPv4's own if `header` asks for it."""
    if len(packet) >= 20 and packet[0] >> 4 == 4:
        packet = _transport(packet)
        size = 4 * (packet[0] & 15)
        if header and 20 <= size <= len(packet):
            blank = packet[:10] + b"\0\0" + packet[12:size]
            packet = packet[:10] + struct.pack("!H", ~ones(blank) & 0xFFFF) + packet[12:]
        return packet
    return _transport(packet)


def has_wrong_transport(packet: bytes) -> bool:
    """Whether the checksum of what a packet carries is not what it should be."""
    return _transport(packet) != packet


def _transport(packet: bytes) -> bytes:
    found = _body(packet)
    if found is None:
        return packet
    protocol, start, end, ends = found
    place = start + _PLACES[protocol]
    body = packet[start:end]
    if place + 2 > end:
        return packet
    # Of UDP over IPv4, 0 says that there is none.
    blank = packet[start:place] + b"\0\0" + packet[place + 2 : end]
    pseudo = ends + struct.pack("!IHBB", len(body), 0, 0, protocol) if protocol != 1 else b""
    value = ~ones(pseudo + blank) & 0xFFFF
    if protocol == 17 and value == 0:
        value = 0xFFFF
    return packet[:place] + struct.pack("!H", value) + packet[place + 2 :]


def _body(packet: bytes) -> tuple[int, int, int, bytes] | None:
    """Protocol, start and end of what a packet carries whole, and its addresses."""
    if len(packet) >= 20 and packet[0] >> 4 == 4:
        start, (end,) = 4 * (packet[0] & 15), struct.unpack("!H", packet[2:4])
        protocol, ends = packet[9], packet[12:20]
        whole = not struct.unpack("!H", packet[6:8])[0] & 0x3FFF
    elif len(packet) >= 40 and packet[0] >> 4 == 6:
        start, end = 40, 40 + struct.unpack("!H", packet[4:6])[0]
        protocol, ends, whole = packet[6], packet[8:40], True
    else:
        return None
    if protocol not in _PLACES or not whole or not 20 <= start <= end <= len(packet):
        return None
    return protocol, start, end, ends
