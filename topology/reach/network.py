"""The network as a function on sets of flows: what each node does with what comes in.

Routes split a set by destination, filters cut it, nothing changes a header. The model is that of
the dataplanes (`services/route`, `services/filter`, and the kernel's): longest prefix first, a
node's own addresses on whichever interface, sources where routes lead back to them (unless
`reverse_path: off`), next hops as declared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TypeAlias, TypeVar

from topology.reach.flows import FlowSet
from topology.reach.outside import outside_addresses
from topology.reach.policy import Rules
from topology.reach.ranges import Mapped, Ranges, normal, subtract, sweep
from topology.reach.space import ADDRESSES, ALL_SERVICES, address_point, prefix_span
from topology.resolve.types import (
    InterfaceAddress,
    ResolvedNode,
    ResolvedTopology,
    ReversePath,
)

__all__ = ["Arrival", "Ending", "Network", "Outcome", "Step", "stand_of"]

Arrival: TypeAlias = tuple[str, str]
"""A forwarder, and the segment by which packets come in to it."""


class Ending(StrEnum):
    """How flows end that no filter drops."""

    DELIVERED = "delivered"
    LOOP = "loop"
    NO_NEIGHBOUR = "no neighbour"
    NO_ROUTE = "no route"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Flows that take one path to one ending; `node` is where they end.

    `path` holds the forwarders that they came in to, in order; the last one is `node` itself
    where a forwarder is addressed.
    """

    flows: FlowSet
    path: tuple[Arrival, ...]
    ending: Ending
    node: str


@dataclass(frozen=True, slots=True)
class Step:
    """Flows about to come in to a forwarder, that `path` led to."""

    flows: FlowSet
    arrival: Arrival
    path: tuple[Arrival, ...] = ()


T = TypeVar("T")
OfNode = TypeVar("OfNode", bound=tuple[object, ...])
"""A key that begins with a node's name."""


@dataclass(frozen=True, slots=True, eq=False)
class _Hop:
    """Where a route leads: by an interface to a next hop, or (`None`) to a neighbour itself.

    Without a segment it is the node itself, and with `dropped` a broadcast address. In one
    node's table equal hops are the same object, so that they compare and hash by identity.
    """

    segment: str | None = None
    next_hop: str | None = None
    dropped: bool = False


@dataclass(frozen=True, slots=True)
class _Table:
    """A node's routes over all destinations, whole and by the interface that they leave by.

    Under `None` is what ends here: the node's own addresses, and broadcasts.
    """

    whole: Mapped[_Hop]
    by_egress: Mapping[str | None, Mapped[_Hop]]


_EVERYTHING = FlowSet.everything()


class Network:
    """A resolved topology whose forwarding and filtering can be asked about sets of flows.

    What is worked out for one question serves the next; the topology does not change.
    """

    def __init__(self, topology: ResolvedTopology) -> None:
        self.topology = topology
        self._tables: dict[str, _Table] = {}
        self._rules: dict[str, Rules] = {}
        self._permitted: dict[tuple[str, str, str | None], FlowSet] = {}
        self._neighbours: dict[str, Mapped[str]] = {}
        self._taken: dict[str, Ranges] = {}
        self._routed: dict[str, Ranges] = {}
        self._believed: dict[Arrival, FlowSet] = {}
        self._own: dict[str, Ranges] = {}
        self._lets: dict[tuple[str, Ranges], bool] = {}

    def learn(self, other: Network) -> None:
        """Takes over what another network has worked out of nodes that are the same in both."""
        nodes = other.topology.nodes
        same = {name for name, node in self.topology.nodes.items() if nodes.get(name) == node}
        for name in same:
            _take(self._tables, other._tables, name)
            _take(self._rules, other._rules, name)
            _take(self._routed, other._routed, name)
            _take(self._own, other._own, name)
        _take_of(self._believed, other._believed, same)
        _take_of(self._permitted, other._permitted, same)
        _take_of(self._lets, other._lets, same)

    @cached_property
    def attached(self) -> Mapping[str, tuple[str, ...]]:
        """The nodes on each segment."""
        found: dict[str, list[str]] = {name: [] for name in self.topology.segments}
        for name, node in self.topology.nodes.items():
            for interface in node.interfaces:
                found[interface.segment].append(name)
        return {segment: tuple(names) for segment, names in found.items()}

    @cached_property
    def outside(self) -> Ranges:
        """The addresses that an external node stands for."""
        return outside_addresses(self.topology)

    def addresses(self, node: str) -> Ranges:
        """A node's own addresses."""
        known = self._own.get(node)
        if known is None:
            points = [address_point(a.ip) for _, a in _addresses(self.topology.nodes[node])]
            known = self._own[node] = normal((point, point) for point in points)
        return known

    @cached_property
    def owners(self) -> Mapping[int, str]:
        """Whose each address is."""
        return {
            point: name
            for name in self.topology.nodes
            for low, high in self.addresses(name)
            for point in range(low, high + 1)
        }

    def neighbours(self, segment: str) -> Mapped[str]:
        """Whose the addresses on a segment are."""
        known = self._neighbours.get(segment)
        if known is None:
            points = sorted(
                (address_point(address.ip), name)
                for name in self.attached[segment]
                for where, address in _addresses(self.topology.nodes[name])
                if where == segment
            )
            known = self._neighbours[segment] = tuple((point, point, n) for point, n in points)
            self._taken[segment] = normal((point, point) for point, _ in points)
        return known

    def permitted(self, node: str, ingress: str, egress: str | None) -> FlowSet:
        """The first packets that a forwarder lets from `ingress` to `egress`, wherever routes lead.

        `egress` is `None` for those to the node itself.
        """
        rules = self._policy(node)
        return self.believed(node, ingress) & (
            rules.permitted(ingress, egress) if rules else _EVERYTHING
        )

    def _routed_on(self, node: str, ingress: str, egress: str | None) -> FlowSet:
        """Of `permitted`, what routes lead that way: much less to work out of a long policy."""
        key = (node, ingress, egress)
        known = self._permitted.get(key)
        if known is None:
            known, rules = self.believed(node, ingress), self._policy(node)
            if rules is not None:
                hops = self._table(node).by_egress.get(egress, ())
                towards = normal((low, high) for low, high, _ in hops)
                known &= rules.permitted(ingress, egress, destinations=towards)
            self._permitted[key] = known
        return known

    def lets_through(self, node: str, services: Ranges) -> bool:
        """Whether a forwarder would pass on a first packet by any of the services at all."""
        rules = self._policy(node)
        if rules is None:
            return True
        known = self._lets.get((node, services))
        if known is None:
            segments = [interface.segment for interface in self.topology.nodes[node].interfaces]
            known = self._lets[node, services] = rules.touch(services) and any(
                rules.permitted(ingress, egress, services=services)
                for ingress in segments
                for egress in (*segments, None)
            )
        return known

    def _policy(self, node: str) -> Rules | None:
        policy = self.topology.nodes[node].policy
        if policy is None:
            return None
        rules = self._rules.get(node)
        if rules is None:
            rules = self._rules[node] = Rules(policy)
        return rules

    def believed(self, node: str, ingress: str) -> FlowSet:
        """All flows but those whose source a forwarder takes for forged where they come in.

        These claim to be from itself or from a broadcast, or its routes lead back to their source
        by another interface, or by none.
        """
        known = self._believed.get((node, ingress))
        if known is None:
            known = FlowSet.of(ADDRESSES, self.sources(node, ingress), ALL_SERVICES)
            self._believed[node, ingress] = known
        return known

    def sources(self, node: str, ingress: str) -> Ranges:
        """The addresses that a forwarder believes to send from where packets come in."""
        resolved, sources = self.topology.nodes[node], ADDRESSES
        if resolved.reverse_path is ReversePath.STRICT:
            back = self._table(node).by_egress.get(ingress, ())
            sources = normal((low, high) for low, high, _ in back)
        return subtract(sources, _claimed(resolved))

    def opened(
        self, alike: Sequence[str], destinations: Ranges, services: Ranges = ALL_SERVICES
    ) -> FlowSet:
        """The flows that nodes of the same interfaces and routes open.

        Their source is their address on the interface that they leave by, or any of their own
        where they have no route.
        """
        found = FlowSet()
        wanted = FlowSet.of(destinations, ADDRESSES, services)
        for hop, flows in wanted.split(self._table(alike[0]).whole):
            if hop.segment is not None:
                near = normal(
                    (point, point)
                    for name in alike
                    for where, address in _addresses(self.topology.nodes[name])
                    if where == hop.segment and (point := address_point(address.ip))
                )
                found |= flows.by(near)
        lost = subtract(destinations, self.routed(alike[0]))
        own = normal(span for name in alike for span in self.addresses(name))
        return found | FlowSet.of(lost, own, services)

    def send(self, node: str, flows: FlowSet) -> Iterator[Outcome | Step]:
        """The first steps of what a node sends by its own routes."""
        for hop, sent in flows.split(self._table(node).whole):
            if hop.segment is not None:
                yield from self._onward(node, hop, sent, ())
        if lost := flows.outside(self.routed(node)):
            yield Outcome(lost, (), Ending.NO_ROUTE, node)

    def enter(self, segment: str, flows: FlowSet, source: str | None) -> Iterator[Outcome | Step]:
        """The first steps of what somebody on a segment hands to any neighbour there.

        That is all that a stranger can do: any header, to any forwarder, whatever the routes of
        a node say. `source` is a node that does not count as its own neighbour.
        """
        for name in self.attached[segment]:
            if name == source:
                continue
            if self.topology.nodes[name].kind.forwards:
                yield Step(flows, (name, segment))
            elif reached := flows.towards(self.addresses(name)):
                yield Outcome(reached, (), Ending.DELIVERED, name)

    def outcomes(
        self,
        starts: Iterable[Outcome | Step],
        *,
        answers_to: frozenset[str] | None = None,
        around: str | None = None,
    ) -> Iterator[Outcome]:
        """What becomes of first steps; see `follow`."""
        for start in starts:
            if isinstance(start, Outcome):
                yield start
            else:
                yield from self.follow(start, answers_to=answers_to, around=around)

    def follow(
        self, step: Step, *, answers_to: frozenset[str] | None = None, around: str | None = None
    ) -> Iterator[Outcome]:
        """What becomes of flows that come in to a forwarder.

        With `answers_to`, they are answers to flows that these nodes have seen open: a stateful
        filter lets them back if it has, and judges them invalid if it has not. Nothing passes
        through the node `around`.
        """
        waiting = [step]
        while waiting:
            now = waiting.pop()
            node, ingress = now.arrival
            if node == around:
                continue
            path = (*now.path, now.arrival)
            believed = now.flows & self.believed(node, ingress)
            if any(node == before for before, _ in now.path):
                # Routes look at destinations alone: where they led back once, they always do. Nor
                # is a source that was believed on the way round doubted at the next.
                if believed:
                    yield Outcome(believed, path, Ending.LOOP, node)
                continue
            for hop, flows in self._passed(believed, node, ingress, answers_to):
                for outcome in self._onward(node, hop, flows, path):
                    if isinstance(outcome, Step):
                        waiting.append(outcome)
                    else:
                        yield outcome
            if lost := believed.outside(self.routed(node)):
                yield Outcome(lost, path, Ending.NO_ROUTE, node)

    def egresses(self, node: str) -> Mapping[str | None, Ranges]:
        """The destinations that leave a node by each interface, its own addresses under `None`."""
        return {
            egress: normal((low, high) for low, high, hop in hops if not hop.dropped)
            for egress, hops in self._table(node).by_egress.items()
        }

    def routed(self, node: str) -> Ranges:
        """The destinations that a node has a route for."""
        known = self._routed.get(node)
        if known is None:
            whole = self._table(node).whole
            known = self._routed[node] = normal((low, high) for low, high, _ in whole)
        return known

    def _passed(
        self, flows: FlowSet, node: str, ingress: str, answers_to: frozenset[str] | None
    ) -> Iterator[tuple[_Hop, FlowSet]]:
        """The flows of those it believes that a forwarder passes on, by where routes lead."""
        policy, table = self.topology.nodes[node].policy, self._table(node)
        seen = answers_to is not None and policy is not None and policy.stateful
        if seen and answers_to is not None and node not in answers_to:
            return
        if seen or policy is None:
            yield from flows.split(table.whole)
            return
        # By interfaces first: what a filter stops there is not looked up route by route.
        for egress, hops in table.by_egress.items():
            yield from (flows & self._routed_on(node, ingress, egress)).split(hops)

    def _onward(
        self, node: str, hop: _Hop, flows: FlowSet, path: tuple[Arrival, ...]
    ) -> Iterator[Outcome | Step]:
        if hop.dropped:
            return
        if hop.segment is None:
            yield Outcome(flows, path, Ending.DELIVERED, node)
        elif hop.next_hop is not None:
            yield Step(flows, (hop.next_hop, hop.segment), path)
        else:
            for name, reached in flows.split(self.neighbours(hop.segment)):
                if self.topology.nodes[name].kind.forwards:
                    yield Step(reached, (name, hop.segment), path)
                else:
                    yield Outcome(reached, path, Ending.DELIVERED, name)
            if lost := flows.outside(self._taken[hop.segment]):
                yield Outcome(lost, path, Ending.NO_NEIGHBOUR, node)

    def _table(self, node: str) -> _Table:
        known = self._tables.get(node)
        if known is None:
            known = self._tables[node] = _table(self.topology.nodes[node])
        return known


def stand_of(node: ResolvedNode) -> object:
    """Equal for nodes that routes treat alike: by prefixes, segments and routes of their own."""
    places = tuple((i.segment, frozenset(a.network for a in i.addresses)) for i in node.interfaces)
    return places, tuple((r.prefix, r.next_hop, r.interface) for r in node.routes)


def _take(mine: dict[str, T], theirs: Mapping[str, T], name: str) -> None:
    if name in theirs:
        mine[name] = theirs[name]


def _take_of(mine: dict[OfNode, T], theirs: Mapping[OfNode, T], nodes: set[str]) -> None:
    mine.update((key, value) for key, value in theirs.items() if key[0] in nodes)


def _table(node: ResolvedNode) -> _Table:
    """A node's routes: the longest prefix decides, of equal ones the attached goes first."""
    known: dict[tuple[str, str | None], _Hop] = {}
    entries: list[tuple[int, tuple[int, int], _Hop]] = []
    here, dropped = _Hop(), _Hop(dropped=True)
    for segment, address in _addresses(node):
        first, last = prefix_span(address.network)
        point = address_point(address.ip)
        bits, length = address.max_prefixlen, address.network.prefixlen
        entries.append((bits, (point, point), here))
        if address.version == 4 and length < bits - 1:
            entries.extend((bits, (edge, edge), dropped) for edge in (first, last))
        hop = known.setdefault((segment, None), _Hop(segment))
        entries.append((length, (first, last), hop))
    for route in node.routes:
        key = (route.interface, route.next_hop)
        hop = known.setdefault(key, _Hop(*key))
        entries.append((route.prefix.prefixlen, prefix_span(route.prefix), hop))
    entries.sort(key=lambda entry: -entry[0])
    spans = [(*span, place) for place, (_, span, _) in enumerate(entries)]
    whole = sweep(spans, ADDRESSES, lambda places: entries[places[0]][2] if places else None)
    parts: dict[str | None, list[tuple[int, int, _Hop]]] = {}
    for low, high, hop in whole:
        parts.setdefault(hop.segment, []).append((low, high, hop))
    return _Table(whole, {egress: tuple(found) for egress, found in parts.items()})


def _addresses(node: ResolvedNode) -> Iterator[tuple[str, InterfaceAddress]]:
    for interface in node.interfaces:
        for address in interface.addresses:
            yield interface.segment, address


def _claimed(node: ResolvedNode) -> Ranges:
    """A forwarder's own addresses and the broadcasts of its prefixes: no source of anybody else.

    Both dataplanes drop these of IPv4 (RFC 1812 section 5.3.8). Of IPv6 the kernel does it where
    reverse paths are looked at, the subnet-router anycast address (RFC 4291 section 2.6.1) too.
    """
    strict = node.reverse_path is ReversePath.STRICT
    claimed: list[tuple[int, int]] = []
    for _, address in _addresses(node):
        points = [address_point(address.ip)]
        first, last = prefix_span(address.network)
        if address.network.prefixlen < address.max_prefixlen - 1:
            points.extend((first, last) if address.version == 4 else (first,))
        if address.version == 4 or strict:
            claimed.extend((point, point) for point in points)
    return normal(claimed)
