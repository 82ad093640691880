"""Flows that open, close or take another path: exact sets, told in the fewest rows.

A flow is what a node opens from its own addresses by its own routes; an external node stands for
all of the outside. It is open when its first packet is delivered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from topology.diff.renames import Renames
from topology.diff.renumber import former_packet, renumbered, translated
from topology.diff.rows import Naming, Piece, rows
from topology.diff.scope import Scope, believed_outside, deliverable
from topology.diff.types import FlowChange, FlowDiff, Place
from topology.diff.view import View
from topology.errors import TopologyError
from topology.reach.flows import FlowSet
from topology.reach.network import Ending, Network, stand_of
from topology.reach.policy import when
from topology.reach.ranges import Ranges, contains, intersect, normal, subtract, unite
from topology.reach.space import ALL_SERVICES, Packet, address_point, services_of
from topology.reach.story import deciding
from topology.reach.trace import Trace, trace
from topology.resolve.services import resolve_services
from topology.resolve.types import Address, ResolvedNode

__all__ = ["flow_changes", "flow_pieces"]

_MOST_PIECES = 4000
"""Destinations that are asked one by one what decides; beyond, one answers for its group."""


@dataclass(frozen=True, slots=True)
class _Way:
    """Flows of nodes that stand alike, and the nodes that they pass, in names of the new side."""

    origin: str
    path: tuple[str, ...]


def flow_changes(
    old: View, new: View, renames: Renames, networks: tuple[Network, Network], scope: Scope
) -> tuple[FlowDiff, ...]:
    """Every flow whose fate differs; both sides are resolved."""
    pieces = list(flow_pieces(old, new, renames, networks, scope))
    if not pieces:
        return ()
    services = {
        services_of(resolve_services(view.declared, [name])): name
        for view in (old, new)
        for name in view.declared.services
    }
    one, other = networks
    outside = intersect(
        intersect(one.outside, other.outside), unite(*map(believed_outside, networks))
    )
    return rows(pieces, Naming(networks, renames, services, outside))


def flow_pieces(
    old: View, new: View, renames: Renames, networks: tuple[Network, Network], scope: Scope
) -> Iterator[Piece]:
    """The same as sets, each with what decides its fate; in addresses of the new side."""
    before, after = networks
    possible = deliverable(scope.honest, before) | deliverable(scope.honest, after)
    if not possible:
        return
    points = renumbered(before.topology, after.topology, renames)
    # What is inside on one side only is no outsider's address on the other.
    outside = intersect(before.outside, after.outside)
    was = _delivered(before, possible, outside, renames)
    after.learn(before)
    now = _delivered(after, possible, outside, Renames())
    if points:
        was = {way: translated(flows, points) for way, flows in was.items()}
    yield from _Differences(old, new, renames, networks, points).pieces(was, now)


def _delivered(
    network: Network, possible: FlowSet, outside: Ranges, renames: Renames
) -> dict[_Way, FlowSet]:
    """What arrives of the possible flows, by who opens it and which way it takes."""
    found: dict[_Way, FlowSet] = {}
    for alike in _classes(network):
        near = outside
        if network.topology.nodes[alike[0]].deployed:
            near = normal(span for name in alike for span in network.addresses(name))
        theirs = possible.by(near)
        for sender, wanted in _sent(network, alike, theirs.destinations, outside):
            if not (flows := wanted & theirs):
                continue
            for outcome in network.outcomes(network.send(sender, flows)):
                if outcome.ending is Ending.DELIVERED and outcome.flows:
                    through = tuple(renames.node(node) for node, _ in outcome.path)
                    way = _Way(renames.node(alike[0]), (*through, renames.node(outcome.node)))
                    found[way] = found.get(way, FlowSet()) | outcome.flows
    return found


def _sent(
    network: Network, alike: tuple[str, ...], far: Ranges, outside: Ranges
) -> Iterator[tuple[str, FlowSet]]:
    """What nodes that stand alike open, and by whose routes: nobody's leave for himself."""
    first = alike[0]
    if not network.topology.nodes[first].deployed:
        yield first, FlowSet.of(far, outside, ALL_SERVICES)
        return
    own = network.addresses(first)
    for sender, others, there in (
        (first, alike, subtract(far, own)),
        *(((alike[1], alike[1:], intersect(far, own)),) if len(alike) > 1 else ()),
    ):
        if not there:
            continue
        wanted = network.opened(others, there, ALL_SERVICES)
        for name in others:
            itself = network.addresses(name)
            if intersect(there, itself):
                wanted -= FlowSet.of(itself, itself, ALL_SERVICES)
        yield sender, wanted


def _classes(network: Network) -> list[tuple[str, ...]]:
    """Nodes that routes treat alike: on the same segments, with the same routes.

    Forwarders are none of them: they answer and pass on, and open nothing themselves.
    """
    found: dict[object, list[str]] = {}
    for name, node in network.topology.nodes.items():
        if not node.kind.forwards:
            found.setdefault(_stand(node), []).append(name)
    return [tuple(alike) for alike in found.values()]


def _stand(node: ResolvedNode) -> object:
    return stand_of(node) if node.deployed else node.name


class _Differences:
    """The pieces of one comparison: flows of one fate on both sides, and what decides it."""

    def __init__(
        self,
        old: View,
        new: View,
        renames: Renames,
        networks: tuple[Network, Network],
        points: Mapping[int, int],
    ) -> None:
        self._views = (old, new)
        self._renames = renames
        self._networks = networks
        self._points = points
        self._former = {now: was for was, now in renames.nodes.items()}
        self._count = 0

    def pieces(self, was: Mapping[_Way, FlowSet], now: Mapping[_Way, FlowSet]) -> Iterator[Piece]:
        before = _by_origin(was)
        after = _by_origin(now)
        # Nobody's flows are another's, so those that are the same need not be looked at together.
        alike = {o for o, flows in after.items() if before.get(o) == flows}
        rerouted = {w.origin for w, f in now.items() if was.get(w) != f}
        now = {w: f for w, f in now.items() if w.origin not in alike or w.origin in rerouted}
        was = {w: f for w, f in was.items() if w.origin not in alike or w.origin in rerouted}
        every_before, every_after = _union(was), _union(now)
        for way, flows in now.items():
            if opened := flows - every_before:
                yield from self._split(FlowChange.OPENED, way.origin, opened)
            kept = flows & before.get(way.origin, FlowSet())
            same = was.get(way, FlowSet())
            if kept - same:
                yield from self._rerouted(way, kept - same, was)
        for way, flows in was.items():
            if closed := flows - every_after:
                yield from self._split(FlowChange.CLOSED, way.origin, closed)

    def _rerouted(self, way: _Way, flows: FlowSet, was: Mapping[_Way, FlowSet]) -> Iterator[Piece]:
        for former, others in was.items():
            if former.origin == way.origin and (both := flows & others):
                yield Piece(
                    FlowChange.REROUTED,
                    both,
                    " → ".join((way.origin, *former.path)),
                    " → ".join((way.origin, *way.path)),
                )

    def _split(self, change: FlowChange, origin: str, flows: FlowSet) -> Iterator[Piece]:
        """The flows by what decides on either side, one destination after the other."""
        left = flows
        while left:
            self._count += 1
            packet = left.packet(self._preferred(origin))
            point = address_point(packet.destination)
            region = left
            if self._count < _MOST_PIECES:
                region = left.towards(((point, point),))
            said: list[tuple[str, Place | None]] = []
            for index in (0, 1):
                sent = packet if index else former_packet(packet, self._points)
                text, place, walked = self._decision(index, origin, sent)
                said.append((text, place))
                if walked is not None and self._count < _MOST_PIECES:
                    region = self._alike(index, walked, region)
            if not region:
                raise TopologyError(
                    f"the sets and the walk of {packet} disagree: this is a fault of the engine, "
                    "please report it with both topologies"
                )
            (old, old_at), (new, new_at) = said
            yield Piece(change, region, old, new, old_at, new_at)
            left -= region

    def _alike(self, index: int, walked: Trace, flows: FlowSet) -> FlowSet:
        """Those of the flows that are judged on a side as the packet was that walked there."""
        if index or not self._points:
            return _alike(self._networks[index], walked, flows)
        back = {new: old for old, new in self._points.items()}
        former = translated(flows, back)
        return translated(_alike(self._networks[0], walked, former), self._points) & flows

    def _preferred(self, origin: str) -> list[int]:
        found: list[int] = []
        for index in (1, 0):
            name = self._name(index, origin)
            if name in self._networks[index].topology.nodes:
                found.extend(low for low, _ in self._networks[index].addresses(name))
        return found

    def _name(self, index: int, node: str) -> str:
        return node if index else self._former.get(node, node)

    def _decision(
        self, index: int, origin: str, packet: Packet
    ) -> tuple[str, Place | None, Trace | None]:
        network, view = self._networks[index], self._views[index]
        name = self._origin(index, origin, packet)
        if name is None:
            return self._missing(index, packet.source), None, None
        walked = trace(network.topology, packet, name)
        if address_point(packet.destination) not in self._networks[index].owners:
            return self._missing(index, packet.destination), None, walked
        told = deciding(walked, network.topology, view.declared)
        if told is None:
            return "no filter on the way", None, walked
        return f"{told.node}: {told.text}", view.place(told.path) if told.path else None, walked

    def _missing(self, index: int, address: Address) -> str:
        """What to say of an address that a node has on the other side alone."""
        point = address_point(address)
        other = self._networks[1 - index].owners.get(point)
        if other is None:
            return f"nobody has {address}"
        name = self._name(index, other if index == 0 else self._renames.node(other))
        known = name in self._networks[index].topology.nodes
        return f"{name} has no such address" if known else f"there is no {name}"

    def _origin(self, index: int, origin: str, packet: Packet) -> str | None:
        """Who sends the packet on a side: the same node, if the address is still its own."""
        network, point = self._networks[index], address_point(packet.source)
        name = self._name(index, origin)
        node = network.topology.nodes.get(name)
        if node is not None and (not node.deployed or contains(network.addresses(name), point)):
            return name
        return network.owners.get(point)


def _alike(network: Network, walked: Trace, flows: FlowSet) -> FlowSet:
    """Those of the flows, of one destination, that every policy on the way judges by one rule."""
    for hop in walked.hops:
        policy = network.topology.nodes[hop.node].policy
        if hop.judgement is None or policy is None or hop.ingress is None:
            continue
        egress = hop.egress if hop.egress is not None else _egress(network, walked, hop.node)
        decided = hop.judgement.rule
        for index, rule in enumerate(policy.rules):
            matched = when(rule, hop.ingress, egress)
            if index == decided:
                flows &= matched
                break
            flows -= matched
    return flows


def _egress(network: Network, walked: Trace, node: str) -> str | None:
    """Where a node would have sent a packet that its policy dropped; `None` for itself."""
    destination = walked.packet.destination
    if contains(network.addresses(node), address_point(destination)):
        return None
    best: tuple[int, str | None] = (-1, None)
    resolved = network.topology.nodes[node]
    ways = [(r.prefix, r.interface) for r in resolved.routes]
    attached = [(a.network, i.segment) for i in resolved.interfaces for a in i.addresses]
    for prefix, interface in (*attached, *ways):
        if destination in prefix and prefix.prefixlen > best[0]:
            best = (prefix.prefixlen, interface)
    return best[1]


def _by_origin(ways: Mapping[_Way, FlowSet]) -> dict[str, FlowSet]:
    found: dict[str, FlowSet] = {}
    for way, flows in ways.items():
        found[way.origin] = found.get(way.origin, FlowSet()) | flows
    return found


def _union(ways: Mapping[_Way, FlowSet]) -> FlowSet:
    found = FlowSet()
    for flows in ways.values():
        found |= flows
    return found
