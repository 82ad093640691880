"""Sets of flows: exact, canonical, closed under intersection, union and difference.

A set is an interval diagram of three levels (the decision diagrams of M. Gouda and A. Liu,
"Firewall design", ICDCS 2004, kept canonical): destinations, for each the sources, for each of
these the services. Two sets of the same flows are equal values, in whatever way and from
whatever topology they were made.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import wraps
from typing import TypeAlias, TypeVar

from topology.reach.ranges import (
    Mapped,
    Ranges,
    contains,
    intersect,
    joined,
    meet,
    normal,
    pieces,
    subtract,
    unite,
    without,
)
from topology.reach.space import (
    ADDRESSES,
    ALL_SERVICES,
    ANSWERS,
    CLIENT_PORT,
    FAMILIES,
    SERVICES,
    Packet,
    address_at,
    address_point,
    service_at,
    service_point,
)
from topology.resolve.types import Protocol

__all__ = ["Box", "FlowSet", "Plane"]

Plane: TypeAlias = Mapped[Ranges]
"""Services by source."""

V = TypeVar("V")
W = TypeVar("W")

_CACHED = 1 << 16


@dataclass(frozen=True, slots=True)
class Box:
    """Flows from every one of the sources to every one of the destinations by every service."""

    destinations: Ranges
    sources: Ranges
    services: Ranges


@dataclass(frozen=True, slots=True)
class FlowSet:
    """A set of flows; `entries` maps destinations to sources to services, canonically."""

    entries: Mapped[Plane] = ()

    @classmethod
    def everything(cls) -> FlowSet:
        """Every flow of both families."""
        return _EVERYTHING

    @classmethod
    def of(cls, destinations: Ranges, sources: Ranges, services: Ranges) -> FlowSet:
        """A box; ends of different families have no flow."""
        parts: list[tuple[int, int, Plane]] = []
        for version, addresses in FAMILIES.items():
            near = intersect(sources, addresses)
            what = intersect(services, SERVICES[version])
            if near and what:
                plane = tuple((low, high, what) for low, high in near)
                parts.extend((*span, plane) for span in intersect(destinations, addresses))
        return cls(joined(parts))

    def __bool__(self) -> bool:
        return bool(self.entries)

    def __and__(self, other: FlowSet) -> FlowSet:
        return FlowSet(meet(self.entries, other.entries, _plane_and))

    def __or__(self, other: FlowSet) -> FlowSet:
        if not self or not other:
            return self or other
        return FlowSet(_united(self.entries, other.entries, _plane_or))

    def __sub__(self, other: FlowSet) -> FlowSet:
        return FlowSet(without(self.entries, other.entries, _plane_sub))

    def __le__(self, other: FlowSet) -> bool:
        return not self - other

    def __contains__(self, packet: Packet) -> bool:
        there, here = address_point(packet.destination), address_point(packet.source)
        what = service_point(packet.protocol, packet.port)
        plane = _at(self.entries, there)
        return plane is not None and contains(_at(plane, here) or (), what)

    @property
    def destinations(self) -> Ranges:
        """Every destination of a flow."""
        return normal((low, high) for low, high, _ in self.entries)

    @property
    def services(self) -> Ranges:
        """Every service of a flow."""
        found: Ranges = ()
        for plane in {plane for _, _, plane in self.entries}:
            for what in {what for _, _, what in plane}:
                found = unite(found, what)
        return found

    def towards(self, destinations: Ranges) -> FlowSet:
        """The flows to these destinations."""
        spans = tuple((low, high, True) for low, high in destinations)
        return FlowSet(meet(self.entries, spans, _first))

    def outside(self, destinations: Ranges) -> FlowSet:
        """The flows to any other destination."""
        spans = tuple((low, high, True) for low, high in destinations)
        return FlowSet(without(self.entries, spans, _nothing))

    def by(self, sources: Ranges) -> FlowSet:
        """The flows from these sources."""
        spans = tuple((low, high, True) for low, high in sources)
        return FlowSet(
            joined(
                (low, high, kept)
                for low, high, plane in self.entries
                if (kept := meet(plane, spans, _first))
            )
        )

    def split(self, table: Mapped[V]) -> Iterator[tuple[V, FlowSet]]:
        """The flows by what a table gives for their destinations."""
        parts: dict[V, list[tuple[int, int, Plane]]] = {}
        for low, high, plane, value in pieces(self.entries, table):
            parts.setdefault(value, []).append((low, high, plane))
        for value, entries in parts.items():
            yield value, FlowSet(joined(entries))

    def only(self, services: Ranges) -> FlowSet:
        """The flows by these services."""
        return FlowSet(
            joined(
                (low, high, kept)
                for low, high, plane in self.entries
                if (kept := _plane_only(plane, services))
            )
        )

    def boxes(self) -> Iterator[Box]:
        """Disjoint boxes that make up the set: those of the same flows are one, sorted."""
        planes: dict[Plane, list[tuple[int, int]]] = {}
        for low, high, plane in self.entries:
            planes.setdefault(plane, []).append((low, high))
        for plane, destinations in planes.items():
            sources: dict[Ranges, list[tuple[int, int]]] = {}
            for low, high, what in plane:
                sources.setdefault(what, []).append((low, high))
            for what, near in sources.items():
                yield Box(normal(destinations), normal(near), what)

    def packet(self, preferred: Iterable[int] = ()) -> Packet:
        """One of the flows, as its first packet: from a `preferred` source where there is one.

        Raises `ValueError` when the set is empty.
        """
        wanted = tuple(preferred)
        for there, _, plane in self.entries:
            for point in wanted:
                if what := _at(plane, point):
                    return _packet(there, point, what)
        if not self.entries:
            raise ValueError("an empty set has no packet")
        there, _, plane = self.entries[0]
        near, far, what = plane[0]
        # Not the first of a range: that is mostly a network's own address.
        return _packet(there, min(near + 1, far), what)


def _packet(destination: int, source: int, services: Ranges) -> Packet:
    protocol, port = service_at(services[0][0])
    if protocol in (Protocol.ICMP, Protocol.ICMPV6):
        # A ping is easier to picture than a reply that nobody asked for.
        asked = (question for question in ANSWERS if contains(services, service_point(*question)))
        protocol, port = next(asked, (protocol, port))
    ported = protocol in (Protocol.TCP, Protocol.UDP)
    if ported and port == 0 and services[0][1] > services[0][0]:
        port = 1
    return Packet(
        address_at(source),
        address_at(destination),
        protocol,
        port,
        CLIENT_PORT if ported else None,
    )


def _at(entries: Mapped[V], point: int) -> V | None:
    index = bisect_right(entries, point, key=_low) - 1
    return entries[index][2] if index >= 0 and entries[index][1] >= point else None


def _remembered(function: Callable[[Plane, W], Plane]) -> Callable[[Plane, W], Plane]:
    """A cache by identity: planes are long, shared and immutable, and to hash one costs its length.

    What it was asked of is kept with the answer, so that nothing else gets the same identity.
    """
    known: dict[tuple[int, int], tuple[Plane, Plane, W]] = {}

    @wraps(function)
    def remembered(one: Plane, other: W) -> Plane:
        found = known.get((id(one), id(other)))
        if found is None:
            if len(known) == _CACHED:
                known.clear()
            found = known[id(one), id(other)] = (function(one, other), one, other)
        return found[0]

    return remembered


@_remembered
def _plane_and(one: Plane, other: Plane) -> Plane:
    return one if one is other else meet(one, other, intersect)


@_remembered
def _plane_or(one: Plane, other: Plane) -> Plane:
    return _united(one, other, unite)


@_remembered
def _plane_sub(one: Plane, other: Plane) -> Plane:
    return () if one is other else without(one, other, subtract)


@_remembered
def _plane_only(plane: Plane, services: Ranges) -> Plane:
    return joined(
        (low, high, kept) for low, high, what in plane if (kept := intersect(what, services))
    )


def _united(one: Mapped[V], other: Mapped[V], both: Callable[[V, V], V]) -> Mapped[V]:
    shared = [(low, high, both(own, its)) for low, high, own, its in pieces(one, other)]
    parts = (*without(one, other, _nothing), *without(other, one, _nothing), *shared)
    return joined(sorted(parts, key=_low))


def _nothing(_own: object, _its: object) -> None:
    return None


def _first(own: V, _its: object) -> V:
    return own


def _low(part: tuple[int, int, object]) -> int:
    return part[0]


_EVERYTHING = FlowSet.of(ADDRESSES, ADDRESSES, ALL_SERVICES)
