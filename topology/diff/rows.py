"""Flow sets told in the fewest rows: boxes of names, families and neighbours joined."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from ipaddress import summarize_address_range

from topology.diff.renames import Renames
from topology.diff.types import FlowChange, FlowDiff, Place
from topology.reach.flows import FlowSet
from topology.reach.network import Network
from topology.reach.ranges import Ranges, intersect, normal, subtract, unite
from topology.reach.space import (
    FAMILIES,
    SERVICES,
    address_at,
    address_point,
    services_of,
)
from topology.reach.space import service_names as names_of_services
from topology.resolve.types import Match, Protocol

__all__ = ["Naming", "Piece", "rows"]

_ICMP = services_of([Match(Protocol.ICMP), Match(Protocol.ICMPV6)])
_FEW = 8
_RANK = {change: rank for rank, change in enumerate(FlowChange)}


@dataclass(frozen=True, slots=True)
class Piece:
    """Flows that share what happened to them and what decides it on both sides."""

    change: FlowChange
    flows: FlowSet
    old: str
    new: str
    old_at: Place | None = None
    new_at: Place | None = None

    @property
    def fate(self) -> tuple[FlowChange, str, str, Place | None, Place | None]:
        """What pieces must share to be told together."""
        return self.change, self.old, self.new, self.old_at, self.new_at


@dataclass(frozen=True, slots=True)
class _Row:
    """A box in names, for one or both families; `services` are ICMP's and all others'."""

    piece: Piece
    sources: tuple[str, ...]
    destinations: tuple[str, ...]
    services: Ranges
    families: tuple[int, ...]
    packet: str


class Naming:
    """What addresses are called: by the new side where it knows them, else by the old one.

    `outside` is all that the zones of external nodes stand for.
    """

    def __init__(
        self,
        networks: tuple[Network, Network],
        renames: Renames,
        services: Mapping[Ranges, str],
        outside: Ranges,
    ) -> None:
        self._networks = networks
        self._old, self._new = (network.topology for network in networks)
        self._renames = renames
        self._services = services
        self._outside = outside

    @cached_property
    def _owners(self) -> dict[int, str]:
        """The node of each address; the new side's where both have it."""
        former = self._networks[0].owners.items()
        owners = {point: self._renames.node(name) for point, name in former}
        return {**owners, **self._networks[1].owners}

    @cached_property
    def _own(self) -> dict[tuple[str, int], set[int]]:
        """Every address that each node has in each family on the new side, or else on the old."""
        sides: list[dict[tuple[str, int], set[int]]] = []
        for topology, renames in ((self._old, self._renames), (self._new, Renames())):
            found: dict[tuple[str, int], set[int]] = {}
            for name, node in topology.nodes.items():
                for interface in node.interfaces:
                    for address in interface.addresses:
                        key = (renames.node(name), address.version)
                        found.setdefault(key, set()).add(address_point(address.ip))
            sides.append(found)
        return sides[0] | sides[1]

    @cached_property
    def _outer(self) -> tuple[str, ...]:
        """The zones of external nodes."""
        nodes = [node for node in self._new.nodes.values() if not node.deployed]
        return tuple(sorted({i.zone for node in nodes for i in node.interfaces}))

    @cached_property
    def _points(self) -> tuple[int, ...]:
        return tuple(sorted(self._owners))

    @cached_property
    def _zones(self) -> dict[str, tuple[str, ...]]:
        """Who lives in each zone on the new side: the nodes that do not forward."""
        found: dict[str, set[str]] = {}
        for name, node in self._new.nodes.items():
            if node.deployed and not node.kind.forwards:
                for interface in node.interfaces:
                    found.setdefault(interface.zone, set()).add(name)
        return {zone: tuple(sorted(names)) for zone, names in found.items()}

    def names(self, ranges: Ranges, family: int) -> tuple[str, ...]:
        """Ranges of one family in names: zones whole, nodes, addresses, prefixes of the outside."""
        rest = ranges
        found: list[str] = []
        everything = intersect(self._outside, FAMILIES[family])
        without = subtract(everything, rest)
        if everything and len(without) < len(intersect(everything, rest)):
            but = f" but {', '.join(_span(*span) for span in without)}" if without else ""
            found.extend(f"{zone}{but}" for zone in self._outer)
            rest = subtract(rest, everything)
        nodes: dict[str, set[int]] = {}
        for low, high in rest:
            for point in self._between(low, high):
                nodes.setdefault(self._owners[point], set()).add(point)
        rest = subtract(rest, normal((p, p) for points in nodes.values() for p in points))
        whole = {name for name, points in nodes.items() if points == self._own[name, family]}
        found.extend(self._collapsed(whole))
        found.extend(
            f"{name} {address_at(point)}"
            for name in sorted(nodes.keys() - whole)
            for point in sorted(nodes[name])
        )
        found.extend(_span(low, high) for low, high in rest)
        return tuple(found)

    def _between(self, low: int, high: int) -> Sequence[int]:
        return self._points[bisect_left(self._points, low) : bisect_right(self._points, high)]

    def _collapsed(self, names: set[str]) -> list[str]:
        left = set(names)
        zones = []
        for zone, inside in self._zones.items():
            if len(inside) > 1 and left.issuperset(inside):
                zones.append(f"{zone} (all {len(inside)} nodes)")
                left -= set(inside)
        return [*sorted(zones), *sorted(left)]

    def services(self, ranges: Ranges, everything: Ranges) -> tuple[str, ...]:
        """Services as the topologies call them, else as files write them."""
        for services, name in self._services.items():
            if ranges and intersect(services, everything) == ranges:
                return (name,)
        short = [(low, high) for low, high in intersect(ranges, _ICMP) if high - low < _FEW]
        single = [(point, point) for low, high in short for point in range(low, high + 1)]
        rest = subtract(ranges, normal(short))
        names = names_of_services(rest) if rest else ()
        return (*names, *(names_of_services((one,))[0] for one in single))

    def preferred(self, ranges: Ranges) -> list[int]:
        """Addresses of nodes among the ranges, for a packet that somebody would send."""
        return [p for low, high in ranges for p in self._between(low, high)][:64]


def rows(pieces: Iterable[Piece], naming: Naming) -> tuple[FlowDiff, ...]:
    """The pieces' flows, each told once, as few rows as names allow."""
    joined: dict[object, Piece] = {}
    for piece in pieces:
        known = joined.get(piece.fate)
        flows = piece.flows if known is None else known.flows | piece.flows
        joined[piece.fate] = replace(piece, flows=flows)
    found = [row for piece in joined.values() for row in _boxes(piece, naming)]
    found = _merged(found, lambda r: (r.sources, r.destinations, r.families), _services)
    found = _merged(found, lambda r: (r.sources, r.destinations, _without_icmp(r)), _both)
    found = _merged(found, lambda r: (r.sources, r.services, r.families), _destinations)
    found = _merged(found, lambda r: (r.destinations, r.services, r.families), _sources)
    told = [_told(row, naming) for row in found]
    return tuple(
        sorted(told, key=lambda f: (_RANK[f.change], f.destinations, f.sources, f.services, f.new))
    )


def _boxes(piece: Piece, naming: Naming) -> Iterator[_Row]:
    for box in piece.flows.boxes():
        for family, addresses in FAMILIES.items():
            near, far = intersect(box.sources, addresses), intersect(box.destinations, addresses)
            if near and far:
                flows = FlowSet.of(far, near, box.services)
                yield _Row(
                    piece,
                    naming.names(near, family),
                    naming.names(far, family),
                    intersect(box.services, SERVICES[family]),
                    (family,),
                    str(flows.packet(naming.preferred(near))),
                )


def _merged(
    found: list[_Row], key: Callable[[_Row], object], join: Callable[[_Row, _Row], _Row]
) -> list[_Row]:
    known: dict[object, _Row] = {}
    for row in found:
        place = (row.piece.fate, key(row))
        known[place] = join(known[place], row) if place in known else row
    return list(known.values())


def _services(one: _Row, other: _Row) -> _Row:
    return replace(one, services=unite(one.services, other.services))


def _both(one: _Row, other: _Row) -> _Row:
    """Rows of both families that say the same but for ICMP, which each family has its own of."""
    families = tuple(sorted({*one.families, *other.families}))
    return replace(one, services=unite(one.services, other.services), families=families)


def _destinations(one: _Row, other: _Row) -> _Row:
    return replace(one, destinations=tuple(sorted({*one.destinations, *other.destinations})))


def _sources(one: _Row, other: _Row) -> _Row:
    return replace(one, sources=tuple(sorted({*one.sources, *other.sources})))


def _without_icmp(row: _Row) -> tuple[Ranges, object]:
    """The services but ICMP, and its messages by name, which both families may share."""
    rest = subtract(row.services, _ICMP)
    mine = intersect(SERVICES[row.families[0]], _ICMP)
    said, unsaid = intersect(row.services, mine), subtract(mine, row.services)
    if _size(said) <= _FEW:
        return rest, tuple(sorted(_messages(said)))
    if _size(unsaid) <= _FEW:
        return rest, ("but", *sorted(_messages(unsaid)))
    return rest, row.families


def _messages(ranges: Ranges) -> Iterator[str]:
    for low, high in ranges:
        for point in range(low, high + 1):
            yield names_of_services(((point, point),))[0].partition("/")[2]


def _size(ranges: Ranges) -> int:
    return sum(high - low + 1 for low, high in ranges)


def _service_names(row: _Row, naming: Naming) -> tuple[str, ...]:
    """Services by name, or all but those that are fewer."""
    everything: Ranges = ()
    for family in row.families:
        everything = unite(everything, SERVICES[family])
    names = naming.services(row.services, everything)
    others = naming.services(subtract(everything, row.services), everything)
    if names != ("any",) and 0 < len(others) < len(names):
        return (f"any but {', '.join(others)}",)
    return names


def _told(row: _Row, naming: Naming) -> FlowDiff:
    services = _service_names(row, naming)
    if len(row.families) == 1:
        services = tuple(f"{name} over IPv{row.families[0]}" for name in services)
    piece = row.piece
    return FlowDiff(
        piece.change,
        row.sources,
        row.destinations,
        services,
        piece.old,
        piece.new,
        row.packet,
        piece.old_at,
        piece.new_at,
    )


def _span(low: int, high: int) -> str:
    first, last = address_at(low), address_at(high)
    if first == last:
        return str(first)
    prefixes = [str(p) for p in summarize_address_range(first, last)]
    return prefixes[0] if len(prefixes) == 1 else f"{first}-{last}"
