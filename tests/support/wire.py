"""Packets on the wire: made by hand, sent from a place, heard on bridges.

Run as a program inside namespaces: `send` sends packets, in hex as arguments or else as lines of
standard input; `listen` prints a line for every IP packet that crosses one of the bridges. Nothing
but the standard library, since a namespace may not see more.
"""

from __future__ import annotations

import select
import socket
import struct
import sys
import time
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address

_ETH_P_ALL = 3
_ADD_MEMBERSHIP, _PROMISCUOUS = 1, 1
_RATE = 500
_TCP, _UDP, _ICMPV6 = 6, 17, 58
_IPV4, _IPV6 = b"\x08\x00", b"\x86\xdd"


def ipv4(
    source: IPv4Address,
    destination: IPv4Address,
    protocol: int,
    port: int,
    source_port: int,
    identity: int,
) -> bytes:
    """A packet with an identification of its own: a SYN, a datagram, or a message of ICMP."""
    ends = source.packed + destination.packed
    body = _body(ends, protocol, port, source_port, identity)
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), identity, 0, 64, protocol, 0) + ends
    return _with_checksum(header, 10, b"") + body


def ipv6(
    source: IPv6Address,
    destination: IPv6Address,
    protocol: int,
    port: int,
    source_port: int,
    identity: int,
) -> bytes:
    """The same over IPv6, which is told by its flow label."""
    ends = source.packed + destination.packed
    body = _body(ends, protocol, port, source_port, identity)
    return struct.pack("!IHBB", 6 << 28 | identity, len(body), protocol, 64) + ends + body


def datagram(source: str, destination: str, port: int, identity: int) -> str:
    """A datagram of either family in hex, from whomever it is said to be."""
    match ip_address(source), ip_address(destination):
        case IPv4Address() as near, IPv4Address() as far:
            return ipv4(near, far, _UDP, port, 49152, identity).hex()
        case IPv6Address() as near, IPv6Address() as far:
            return ipv6(near, far, _UDP, port, 49152, identity).hex()
    raise ValueError(f"{source} and {destination} are of two families")


def _body(ends: bytes, protocol: int, port: int, source_port: int, identity: int) -> bytes:
    if protocol == _TCP:
        body = struct.pack("!HHIIBBHHH", source_port, port, identity, 0, 5 << 4, 2, 1024, 0, 0)
        place = 16
    elif protocol == _UDP:
        body = struct.pack("!HHHH", source_port, port, 16, 0) + b"agreemnt"
        place = 6
    else:
        body = struct.pack("!BBHHH", port, 0, 0, identity, 1) + b"agreemnt"
        place = 2
    # All but ICMP of IPv4 answer for the addresses too (RFC 4443 section 2.3).
    covered = protocol in (_TCP, _UDP, _ICMPV6)
    pseudo = ends + struct.pack("!HH", protocol, len(body)) if covered else b""
    return _with_checksum(body, place, pseudo)


def _with_checksum(data: bytes, at: int, pseudo: bytes) -> bytes:
    whole = pseudo + data + b"\0" * (len(pseudo + data) % 2)
    total = sum(struct.unpack(f"!{len(whole) // 2}H", whole))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return data[:at] + struct.pack("!H", ~total & 0xFFFF or 0xFFFF) + data[at + 2 :]


def send(lines: Iterable[str]) -> None:
    """Sends packets, at a rate that loses nothing in queues."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as v4,
        socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW) as v6,
    ):
        for line in lines:
            packet = bytes.fromhex(line)
            if packet[0] >> 4 == 4:
                v4.sendto(packet, (str(IPv4Address(packet[16:20])), 0))
            else:
                v6.sendto(packet, (str(IPv6Address(packet[24:40])), 0))
            time.sleep(1 / _RATE)


def listen(bridges: list[str]) -> None:
    """Prints `ready`, then bridge, identification, protocol, source and destination of packets.

    It ends when standard input does: whoever enters a namespace of processes by a tool cannot end
    by a signal what that tool has started.
    """
    ears = {}
    for bridge in bridges:
        ear = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
        ear.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        ear.bind((bridge, 0))
        # Frames between other ports come up to the bridge itself only while it wants all.
        wanted = struct.pack("iHH8s", socket.if_nametoindex(bridge), _PROMISCUOUS, 0, b"")
        ear.setsockopt(263, _ADD_MEMBERSHIP, wanted)
        ears[ear] = bridge
    say("ready")
    while True:
        ready = select.select([*ears, sys.stdin], [], [])[0]
        if sys.stdin in ready:
            return
        for ear in (each for each in ears if each in ready):
            frame = ear.recv(2048)
            if frame[12:14] == _IPV4 and len(frame) >= 34:
                (identity,) = struct.unpack("!H", frame[18:20])
                ends = f"{IPv4Address(frame[26:30])} {IPv4Address(frame[30:34])}"
                say(f"{ears[ear]} {identity} {frame[23]} {ends}")
            elif frame[12:14] == _IPV6 and len(frame) >= 54:
                identity = struct.unpack("!I", frame[14:18])[0] & 0xFFFFF
                ends = f"{IPv6Address(frame[22:38])} {IPv6Address(frame[38:54])}"
                say(f"{ears[ear]} {identity} {frame[20]} {ends}")


def say(line: str) -> None:
    """Writes a line at once: somebody waits for it."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1] == "send":
        send(sys.argv[2:] or sys.stdin)
    else:
        listen(sys.argv[2:])
