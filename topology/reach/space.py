"""The header space: what a packet says that a rule or a route can read, as numbers.

Two axes. Addresses of both families lie on one line, IPv4 below IPv6. Services lie on another:
TCP's and UDP's destination ports, ICMP's and ICMPv6's types, and every other IP protocol as one
value. Source ports and ICMP codes are free: no rule reads them, so every statement about a
packet holds for all of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from topology.model.service import ICMP_TYPES
from topology.reach.ranges import Ranges, intersect, normal, subtract
from topology.resolve.types import Address, Match, Prefix, Protocol

__all__ = [
    "ADDRESSES",
    "ALL_SERVICES",
    "ANSWERS",
    "CLIENT_PORT",
    "EPHEMERAL",
    "FAMILIES",
    "SERVICES",
    "Packet",
    "address_at",
    "address_point",
    "family_of",
    "prefix_span",
    "service_at",
    "service_names",
    "service_point",
    "services_of",
]

_IPV6 = 1 << 128
_WIDTH = {Protocol.TCP: 65536, Protocol.UDP: 65536, Protocol.ICMP: 256, Protocol.ICMPV6: 256}
_BASE = {
    Protocol.TCP: 0,
    Protocol.UDP: 65536,
    Protocol.ICMP: 131072,
    Protocol.ICMPV6: 131328,
}
_OTHER = 131584

_OTHERS = subtract(
    ((_OTHER, _OTHER + 255),),
    normal((_OTHER + one.number, _OTHER + one.number) for one in Protocol),
)


def _all_of(protocol: Protocol) -> tuple[int, int]:
    return _BASE[protocol], _BASE[protocol] + _WIDTH[protocol] - 1


SERVICES: dict[int, Ranges] = {
    4: normal((*(_all_of(p) for p in Protocol if p is not Protocol.ICMPV6), *_OTHERS)),
    6: normal((*(_all_of(p) for p in Protocol if p is not Protocol.ICMP), *_OTHERS)),
}
"""All services of each family; the other family's ICMP is no packet (filters call it invalid)."""

FAMILIES: dict[int, Ranges] = {
    # What both dataplanes refuse to forward is no source and no destination: 0/8, 127/8, 224/4
    # and the limited broadcast (RFC 1812 section 5.3.7); ::, ::1, mapped, link-local, multicast.
    4: subtract(
        ((0, (1 << 32) - 1),),
        normal(
            (
                (0, (1 << 24) - 1),
                (127 << 24, (128 << 24) - 1),
                (224 << 24, (240 << 24) - 1),
                ((1 << 32) - 1, (1 << 32) - 1),
            )
        ),
    ),
    6: subtract(
        ((_IPV6, 2 * _IPV6 - 1),),
        normal(
            (
                (_IPV6, _IPV6 + 1),
                (_IPV6 + (0xFFFF << 32), _IPV6 + (0x10000 << 32) - 1),
                (_IPV6 + (0xFE80 << 112), _IPV6 + (0xFEC0 << 112) - 1),
                (_IPV6 + (0xFF00 << 112), 2 * _IPV6 - 1),
            )
        ),
    ),
}
"""The addresses that a packet between segments can carry, of each family."""

ADDRESSES: Ranges = normal((*FAMILIES[4], *FAMILIES[6]))
ALL_SERVICES: Ranges = normal((*SERVICES[4], *SERVICES[6]))

EPHEMERAL = (1024, 65535)
"""The ports that clients open from (RFC 6056 section 3.2)."""

CLIENT_PORT = 49152
"""The port that an example opens from, as good as any other: the first of IANA's dynamic ones."""

ANSWERS: dict[tuple[Protocol, int], int] = {
    (Protocol.ICMP, 8): 0,
    (Protocol.ICMPV6, 128): 129,
}
"""The echo requests and their replies: the only messages of ICMP that open flows."""


@dataclass(frozen=True, slots=True)
class Packet:
    """The first packet of a flow, or an answer to it.

    `port` is TCP's or UDP's destination port or an ICMP type, `source_port` TCP's or UDP's. A
    protocol that rules have no name for is its number and has neither.
    """

    source: Address
    destination: Address
    protocol: Protocol | int
    port: int | None = None
    source_port: int | None = None

    @property
    def service(self) -> str:
        """Its protocol with port or type, as a topology writes it."""
        return service_names(((p := service_point(self.protocol, self.port), p),))[0]

    def __str__(self) -> str:
        def end(address: Address, port: int | None) -> str:
            if port is None or self.protocol not in (Protocol.TCP, Protocol.UDP):
                return str(address)
            return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"

        ends = f"{end(self.source, self.source_port)} → {end(self.destination, self.port)}"
        if isinstance(self.protocol, Protocol):
            what = self.protocol.value if self.protocol in _PORTED else self.service
            return f"{what} {ends}"
        return f"IP protocol {self.protocol} {ends}"


_PORTED = (Protocol.TCP, Protocol.UDP)


def address_point(address: Address) -> int:
    """Where an address lies on the axis."""
    return int(address) if address.version == 4 else _IPV6 + int(address)


def address_at(point: int) -> Address:
    """The address at a point of the axis."""
    return IPv4Address(point) if point < _IPV6 else IPv6Address(point - _IPV6)


def family_of(point: int) -> int:
    """The IP version of the address at a point of the axis."""
    return 4 if point < _IPV6 else 6


def prefix_span(prefix: Prefix) -> tuple[int, int]:
    """A prefix's first and last address on the axis."""
    return address_point(prefix.network_address), address_point(prefix.broadcast_address)


def service_point(protocol: Protocol | int, port: int | None) -> int:
    """Where a service lies on the axis."""
    if isinstance(protocol, Protocol):
        return _BASE[protocol] + (port or 0)
    return _OTHER + protocol


def service_at(point: int) -> tuple[Protocol | int, int | None]:
    """The protocol and the port or type at a point of the axis."""
    for protocol, base in _BASE.items():
        if base <= point < base + _WIDTH[protocol]:
            return protocol, point - base
    return point - _OTHER, None


def services_of(matches: Iterable[Match]) -> Ranges:
    """The services that matches stand for; none stand for all of both families."""
    found: list[tuple[int, int]] = []
    empty = True
    for match in matches:
        empty = False
        base = _BASE[match.protocol]
        if match.ports:
            found.extend((base + low, base + high) for low, high in match.ports)
        elif match.types:
            found.extend((base + kind, base + kind) for kind in match.types)
        else:
            found.append(_all_of(match.protocol))
    return ALL_SERVICES if empty else normal(found)


def service_names(ranges: Ranges) -> tuple[str, ...]:
    """Services as a topology writes them, `any` for all of a family's.

    >>> service_names(services_of([Match(Protocol.TCP, ports=((80, 80), (443, 444)))]))
    ('tcp/80', 'tcp/443-444')
    """
    if ranges in (*SERVICES.values(), ALL_SERVICES):
        return ("any",)
    names: list[str] = []
    for protocol, base in _BASE.items():
        names.extend(
            _service_name(protocol, low - base, high - base)
            for low, high in intersect(ranges, (_all_of(protocol),))
        )
    others = intersect(ranges, _OTHERS)
    if others == _OTHERS:
        names.append("other protocols")
    else:
        names.extend(
            f"protocol/{low - _OTHER}" + (f"-{high - _OTHER}" if high > low else "")
            for low, high in others
        )
    return tuple(names)


def _service_name(protocol: Protocol, low: int, high: int) -> str:
    if high - low + 1 == _WIDTH[protocol]:
        return protocol.value
    words = {number: word for word, number in ICMP_TYPES.get(protocol, {}).items()}
    first = words.get(low, str(low)) if low == high else str(low)
    return f"{protocol.value}/{first}" + (f"-{high}" if high > low else "")
