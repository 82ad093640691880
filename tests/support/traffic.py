"""Packets for a node that filters: conversations of which some go wrong, and mutated bytes.

Drawn by a seeded generator: the same seed gives the same frames. Every packet has an
identification (IPv4) or a flow label (IPv6) of its own, by which it is known again when it leaves.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address
from random import Random

from tests.support.checksum import checked
from tests.support.kernel import Sent
from topology.resolve.types import Address

__all__ = ["Traffic", "World"]

TCP, UDP, ICMP, ICMPV6, GRE = 6, 17, 1, 58, 47
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
_TALKS = 24
"""Conversations at a time."""


@dataclass(frozen=True, slots=True)
class World:
    """What there is around a node: by port its hardware address and whom it finds there."""

    macs: tuple[bytes, ...]
    hosts: tuple[tuple[Address, ...], ...]
    strangers: tuple[tuple[Address, ...], ...]
    """By port: addresses that nobody has, others', the node's own, and what is none."""
    ports: tuple[int, ...]
    """Ports at the edges of rules."""


@dataclass(frozen=True, slots=True)
class _Packet:
    """A packet yet to be written, sent to `port` of the node."""

    port: int
    source: Address
    destination: Address
    protocol: int
    body: bytes
    ttl: int = 64
    options: bytes = b""
    fragment: int = 0


class Traffic:
    """A stream of frames."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.random = Random(seed)
        self.number = 0

    def frames(self, count: int) -> Iterator[Sent]:
        """That many frames."""
        talks = [self._talk() for _ in range(_TALKS)]
        for _ in range(count):
            place = self.random.randrange(_TALKS)
            packet = next(talks[place], None)
            while packet is None:
                talks[place] = self._talk()
                packet = next(talks[place], None)
            yield packet.port, self._written(packet)

    def _written(self, packet: _Packet) -> bytes:
        draw = self.random.random()
        if draw < 0.02:
            packet = replace(packet, ttl=self.random.choice((0, 1, 2, 255)))
        elif draw < 0.03:
            packet = replace(packet, options=self.random.choice(_OPTIONS))
        self.number += 1
        ip = bytearray(_ip(packet, self.number))
        right = True
        if self.random.random() < 0.08:
            for _ in range(self.random.choice((1, 1, 2, 3))):
                bit = self.random.randrange(8 * min(len(ip), 64))
                ip[bit // 8] ^= 1 << bit % 8
            # Of an IPv4 header whose checksum is wrong nothing else is looked at.
            right = self.random.random() < 0.8
        if self.random.random() < 0.005:
            del ip[self.random.randrange(len(ip)) :]
        written = checked(bytes(ip), header=right)
        mac = self.world.macs[packet.port]
        if self.random.random() < 0.01:
            mac = self.random.choice((b"\xff" * 6, b"\x02\0\0\0\0\x55", b"\x01\0\x5e\0\0\x01"))
        kind = b"\x86\xdd" if packet.source.version == 6 else b"\x08\0"
        frame = mac + b"\x02\0\0\0\xff" + bytes([packet.port]) + kind + written
        return frame.ljust(60, b"\0")

    def _talk(self) -> Iterator[_Packet]:
        kind = self.random.choices(
            (self._tcp, self._udp, self._icmp, self._alone), weights=(5, 3, 2, 3)
        )[0]
        return kind()

    def _ends(self) -> tuple[int, Address, Address]:
        """The port that something begins at, who begins it, and with whom."""
        port = self.random.randrange(len(self.world.macs))
        version = self.random.choice((4, 4, 6))
        source = self._one(self.world.hosts[port], version)
        others = [
            host for there, hosts in enumerate(self.world.hosts) if there != port for host in hosts
        ]
        destination = self._one(others, version)
        if self.random.random() < 0.1:
            source = self._one(self.world.strangers[port], version)
        if self.random.random() < 0.1:
            destination = self._one([one for each in self.world.strangers for one in each], version)
        return port, source, destination

    def _one(self, addresses: Sequence[Address], version: int) -> Address:
        return self.random.choice([one for one in addresses if one.version == version])

    def _service(self) -> int:
        if self.random.random() < 0.8:
            return self.random.choice(self.world.ports)
        return self.random.randrange(65536)

    def _client_port(self) -> int:
        # No two conversations of a run share one.
        self.number += 1
        return 1024 + self.number * 7919 % 64000

    def _back(self, port: int) -> int:
        return (port + 1) % len(self.world.macs)

    def _tcp(self) -> Iterator[_Packet]:
        random = self.random
        port, client, server = self._ends()
        there = self._back(port)
        ends = self._client_port(), self._service()
        sent = [random.randrange(1 << 32), random.randrange(1 << 32)]
        windows = [random.choice((0, 1, 500, 1000, 8192, 65535)) for _ in range(2)]
        scales = [random.choice((None, None, 0, 3, 7)) for _ in range(2)]
        script = _script(random)
        for number, (who, planned, length) in enumerate(script):
            flags = planned
            other = 1 - who
            seq, ack = sent[who], sent[other] if flags & ACK else 0
            window = windows[who]
            if number > 1 and random.random() < 0.15:
                shift = random.choice((1, -1, 100, -100, 2000, -2000, 70000, -70000, 1 << 31))
                seq = (seq + shift) % (1 << 32)
            elif number > 1 and random.random() < 0.1:
                shift = random.choice((1, -1, 100, -100, 2000, -70000, 1 << 31))
                ack = (ack + shift) % (1 << 32)
            elif random.random() < 0.05:
                flags = random.choice((SYN, SYN | ACK, ACK, FIN | ACK, RST, RST | ACK, 0, FIN, 63))
            elif random.random() < 0.05:
                window = random.choice((0, 1, 65535))
            else:
                taken = length + bool(flags & SYN) + bool(flags & FIN)
                sent[who] = (seq + taken) % (1 << 32)
            options = b""
            scale = scales[who]
            if flags & SYN and scale is not None:
                options = bytes((1, 3, 3, scale))
            ports = ends if who == 0 else (ends[1], ends[0])
            body = struct.pack(
                "!HHIIBBHHH", *ports, seq, ack, (5 + len(options) // 4) << 4, flags, window, 0, 0
            )
            body += options + random.randbytes(length)
            pair = (client, server) if who == 0 else (server, client)
            yield _Packet(port if who == 0 else there, *pair, TCP, body)

    def _udp(self) -> Iterator[_Packet]:
        random = self.random
        port, client, server = self._ends()
        there = self._back(port)
        ends = self._client_port(), self._service()
        for _ in range(random.randint(1, 4)):
            asked = _Packet(
                port, client, server, UDP, _udp(ends, random.randbytes(random.randrange(40)))
            )
            yield asked
            if random.random() < 0.2:
                yield replace(asked, fragment=random.choice((0x2000, 0x0002, 0x2002)))
            if random.random() < 0.7:
                back = (ends[1], ends[0] ^ (random.random() < 0.1))
                yield _Packet(
                    there, server, client, UDP, _udp(back, random.randbytes(random.randrange(400)))
                )
            if random.random() < 0.2:
                yield self._error(there, asked, self._one(self.world.hosts[there], client.version))

    def _error(self, port: int, about: _Packet, teller: Address) -> _Packet:
        """An ICMP error, of which some quote what was never sent."""
        random = self.random
        if random.random() < 0.2:
            about = replace(about, destination=self._one(self.world.hosts[port], teller.version))
        quote = checked(_ip(about, self.number), header=True)[: random.choice((28, 48, 60, 500))]
        six = teller.version == 6
        kind = random.choice((1, 2, 3, 4) if six else (3, 11, 12, 4, 5))
        message = (
            struct.pack("!BBHI", kind, random.randrange(5), 0, random.choice((0, 1400))) + quote
        )
        return _Packet(port, teller, about.source, ICMPV6 if six else ICMP, message)

    def _icmp(self) -> Iterator[_Packet]:
        random = self.random
        port, client, server = self._ends()
        six = client.version == 6
        protocol = ICMPV6 if six else ICMP
        echo, reply = (128, 129) if six else (8, 0)
        identity = self._client_port()
        for number in range(random.randint(1, 3)):
            kind = random.choice((echo, echo, echo, reply, random.randrange(256)))
            body = struct.pack("!BBHHH", kind, 0, 0, identity, number) + random.randbytes(16)
            yield _Packet(port, client, server, protocol, body)
            if random.random() < 0.6:
                body = struct.pack("!BBHHH", reply, 0, 0, identity, number) + random.randbytes(16)
                yield _Packet(self._back(port), server, client, protocol, body)

    def _alone(self) -> Iterator[_Packet]:
        """One packet that nobody answers."""
        random = self.random
        port, client, server = self._ends()
        protocol = random.choice((TCP, UDP, ICMP, ICMPV6, GRE, 50, 132, 2, 0, 255))
        flags = random.choice((SYN, SYN, ACK, RST, FIN | ACK, SYN | ACK, 0, 63))
        ports = self._client_port(), self._service()
        if protocol == TCP:
            body = struct.pack("!HHIIBBHHH", *ports, 1, 1, 5 << 4, flags, 1000, 0, 0)
        elif protocol == UDP:
            body = _udp(ports, b"alone")
        else:
            body = random.randbytes(random.randrange(64))
        yield _Packet(port, client, server, protocol, body)


def _script(random: Random) -> list[tuple[int, int, int]]:
    """A connection: who says what, with how many bytes."""
    script = [(0, SYN, 0), (1, SYN | ACK, 0), (0, ACK, 0)]
    script += [
        (random.randrange(2), ACK | PSH, random.choice((0, 0, 1, 100, 700)))
        for _ in range(random.randrange(6))
    ]
    script += random.choice(
        (
            [],
            [(0, FIN | ACK, 0), (1, ACK, 0), (1, FIN | ACK, 0), (0, ACK, 0)],
            [(1, FIN | ACK, 0), (1, ACK, 50), (0, FIN | ACK, 0), (1, ACK, 0)],
            [(0, RST | ACK, 0), (1, ACK, 0)],
            [(1, RST, 0), (0, ACK, 0), (0, SYN, 0)],
        )
    )
    # Some answers never come, some packets twice.
    kept = [step for step in script if random.random() > 0.05]
    return [step for step in kept for _ in range(1 + (random.random() < 0.05))]


def _udp(ports: tuple[int, int], data: bytes) -> bytes:
    return struct.pack("!HHHH", *ports, 8 + len(data), 0) + data


_OPTIONS = (
    bytes((1, 1, 1, 0)),
    bytes((131, 7, 4, 192, 0, 2, 100, 0)),
    bytes((137, 7, 4, 203, 0, 113, 80, 0)),
    bytes((7, 7, 4, 0, 0, 0, 0, 0)),
    bytes((68, 8, 5, 0, 0, 0, 0, 0)),
    bytes((148, 4, 0, 0)),
    bytes((7, 60, 4, 0)),
)


def _ip(packet: _Packet, number: int) -> bytes:
    """The packet without checksums."""
    ends = packet.source.packed + packet.destination.packed
    if packet.source.version == 6:
        label = 6 << 28 | number % (1 << 20)
        body, protocol = packet.body, packet.protocol
        if packet.fragment:
            # The same field, but with the offset at the other end (RFC 8200 section 4.5).
            field = packet.fragment << 3 & 0xFFF8 | packet.fragment >> 13
            body = struct.pack("!BBHI", protocol, 0, field, number) + body
            protocol = 44
        return struct.pack("!IHBB", label, len(body), protocol, packet.ttl) + ends + body
    words = (20 + len(packet.options)) // 4
    length = 4 * words + len(packet.body)
    return (
        struct.pack(
            "!BBHHHBBH",
            *(0x40 | words, 0, length, number & 0xFFFF),
            *(packet.fragment, packet.ttl, packet.protocol, 0),
        )
        + ends
        + packet.options
        + packet.body
    )  # fmt: skip


def none_has(version: int) -> tuple[Address, ...]:
    """Addresses that are nobody's: martians, groups, and the edges of all addresses."""
    four = ("0.0.0.0", "127.0.0.1", "169.254.1.1", "224.0.0.1", "240.0.0.1", "255.255.255.255")
    six = ("::", "::1", "fe80::1", "ff02::1", "ff0e::1", "::ffff:192.0.2.100")
    return tuple(ip_address(text) for text in (four if version == 4 else six))
