"""Which flows can differ at all between two networks: everything else need not be followed.

A flow that is outside of the scope meets the same tables, the same policies and the same
neighbours on both sides, hop by hop, and so has one fate.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network

from topology.diff.renames import Renames
from topology.reach.flows import FlowSet
from topology.reach.network import Network
from topology.reach.ranges import Ranges, intersect, normal, subtract, unite
from topology.reach.space import ADDRESSES, ALL_SERVICES, address_point, prefix_span
from topology.resolve.types import ResolvedNode

__all__ = ["Part", "Scope", "believed_outside", "deliverable"]

_FEW = 256
"""Single destinations up to which the last hop is asked before anything is followed."""


@dataclass(frozen=True, slots=True)
class Part:
    """Flows that may differ when one of the senders sends them; `None`: whoever does.

    Senders stand where they stand, whatever address they claim. Their names are the new side's,
    or the old one's of what is gone.
    """

    flows: FlowSet
    senders: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """What may differ: by who stands where, and of that what honest senders send."""

    parts: tuple[Part, ...]
    honest: FlowSet
    _sent: dict[tuple[int, ...], FlowSet] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, old: Network, new: Network, renames: Renames) -> Scope:
        """The scope of the difference of two networks."""
        parts = tuple(_parts(old, new, renames))
        return cls(parts, _honest(parts, old, new, renames))

    def sent_by(self, names: Iterable[str]) -> FlowSet:
        """What may differ of all that is sent from where these nodes stand."""
        standing = frozenset(names)
        theirs = tuple(
            number
            for number, part in enumerate(self.parts)
            if part.senders is None or not part.senders.isdisjoint(standing)
        )
        known = self._sent.get(theirs)
        if known is None:
            known = FlowSet()
            for number in theirs:
                known |= self.parts[number].flows
            self._sent[theirs] = known
        return known


def _honest(parts: Iterable[Part], old: Network, new: Network, renames: Renames) -> FlowSet:
    """The flows of a scope that come from their senders' own addresses."""
    former = {now: was for was, now in renames.nodes.items()}
    known: dict[frozenset[str], Ranges] = {}
    found = FlowSet()
    for part in parts:
        if part.senders is None:
            found |= part.flows
            continue
        if part.senders not in known:
            near: list[tuple[int, int]] = []
            for name in part.senders:
                was = old.topology.nodes.get(former.get(name, name))
                now = new.topology.nodes.get(name)
                if was is not None:
                    near.extend(_sources(old, was))
                # Most nodes are the same; who stands for the outside may stand for another.
                if now is not None and (now is not was or not now.deployed):
                    near.extend(_sources(new, now))
            known[part.senders] = normal(near)
        found |= part.flows.by(known[part.senders])
    return found


def _parts(old: Network, new: Network, renames: Renames) -> Iterator[Part]:
    """Every flow whose fate may differ, and perhaps some whose fate does not."""
    heirs = {renames.node(name) for name in old.topology.nodes}
    for name, node in old.topology.nodes.items():
        heir = new.topology.nodes.get(renames.node(name))
        if heir is None:
            yield from _whole(old, node, name)
        elif node != heir:
            yield from _changed(old, new, node, heir, renames)
    for name, node in new.topology.nodes.items():
        if name not in heirs:
            yield from _whole(new, node, name)


def deliverable(flows: FlowSet, network: Network) -> FlowSet:
    """Those of the flows that the last hop could deliver; of wide ranges of destinations, all.

    To a single address comes what its neighbours send, and what a forwarder beside it lets out
    there: mostly a small part of what has to be followed otherwise.
    """
    single = tuple(span for span in flows.destinations if span[0] == span[1])
    if not single or len(single) > _FEW:
        return flows
    points = {low for low, _ in single}
    found = FlowSet()
    for name, node in network.topology.nodes.items():
        for interface in node.interfaces:
            own = normal(
                (point, point)
                for address in interface.addresses
                if (point := address_point(address.ip)) in points
            )
            if own:
                found |= _last_hops(network, name, interface.segment, own)
    return flows.outside(single) | (flows & found)


def _last_hops(network: Network, node: str, segment: str, own: Ranges) -> FlowSet:
    found = FlowSet()
    for name in network.attached[segment]:
        beside = network.topology.nodes[name]
        if not beside.kind.forwards:
            found |= FlowSet.of(own, _sources(network, beside), ALL_SERVICES)
            continue
        # A node that forwards receives by any of its interfaces what is for it.
        egress = None if name == node else segment
        for interface in beside.interfaces:
            found |= network.permitted(name, interface.segment, egress).towards(own)
    return found


def _sources(network: Network, node: ResolvedNode) -> Ranges:
    return network.addresses(node.name) if node.deployed else network.outside


def believed_outside(network: Network) -> Ranges:
    """The addresses that some forwarder believes of who sends from where an external node is."""
    topology = network.topology
    spans = [
        span
        for node in topology.nodes.values()
        if not node.deployed
        for interface in node.interfaces
        for beside in network.attached[interface.segment]
        if topology.nodes[beside].kind.forwards
        for span in network.sources(beside, interface.segment)
    ]
    return intersect(network.outside, normal(spans))


def _ends(network: Network, node: ResolvedNode, name: str) -> Iterator[Part]:
    """All flows to a node, and those that it sends; `name` is what senders call it."""
    own = network.addresses(node.name)
    yield Part(FlowSet.of(own, ADDRESSES, ALL_SERVICES))
    yield Part(FlowSet.of(ADDRESSES, ADDRESSES, ALL_SERVICES), frozenset([name]))


def _whole(network: Network, node: ResolvedNode, name: str) -> Iterator[Part]:
    """What a node that comes or goes can have to do with."""
    yield from _ends(network, node, name)
    if node.kind.forwards:
        yield Part(FlowSet.of(network.routed(node.name), ADDRESSES, ALL_SERVICES))


def _changed(
    old: Network, new: Network, node: ResolvedNode, heir: ResolvedNode, renames: Renames
) -> Iterator[Part]:
    attached = {renames.segment(one.segment): one.segment for one in node.interfaces}
    theirs = {one.segment for one in heir.interfaces}
    readdressed = _addresses(node, renames) != _addresses(heir, Renames())
    if readdressed or node.kind is not heir.kind:
        yield from _ends(old, node, heir.name)
        yield from _ends(new, heir, heir.name)
    forwards = node.kind.forwards or heir.kind.forwards
    if node.kind.forwards and heir.kind.forwards:
        yield from _doubted(old, new, node, heir, renames)
    if forwards and readdressed:
        # What claims to be from a forwarder is dropped by it, so others' flows differ, too.
        both = unite(old.addresses(node.name), new.addresses(heir.name))
        yield Part(FlowSet.of(ADDRESSES, both, ALL_SERVICES))
    if forwards and (set(attached) != theirs or node.kind is not heir.kind):
        yield from _whole(old, node, heir.name)
        yield from _whole(new, heir, heir.name)
        return
    if hops := normal(_rerouted(node, heir, renames)):
        senders = None if forwards else frozenset([heir.name])
        yield Part(FlowSet.of(hops, ADDRESSES, ALL_SERVICES), senders)
    if node.policy != heir.policy:
        yield from _refiltered(old, new, node, heir, renames)


def _doubted(
    old: Network, new: Network, node: ResolvedNode, heir: ResolvedNode, renames: Renames
) -> Iterator[Part]:
    """What comes from sources that a forwarder believes on one side alone."""
    theirs = {one.segment for one in heir.interfaces}
    for interface in node.interfaces:
        if (ingress := renames.segment(interface.segment)) in theirs:
            was = old.sources(node.name, interface.segment)
            now = new.sources(heir.name, ingress)
            if was != now:
                doubted = unite(subtract(was, now), subtract(now, was))
                yield Part(FlowSet.of(ADDRESSES, doubted, ALL_SERVICES))


def _refiltered(
    old: Network, new: Network, node: ResolvedNode, heir: ResolvedNode, renames: Renames
) -> Iterator[Part]:
    """What a policy judges otherwise, by the segment that it comes in by."""
    before = {renames.segment(one.segment): one.segment for one in node.interfaces}
    for ingress, mine in before.items():
        found = FlowSet()
        for egress in (*before, None):
            theirs = before[egress] if egress is not None else None
            was = old.permitted(node.name, mine, theirs)
            now = new.permitted(heir.name, ingress, egress)
            if was != now:
                # What no route leads that way never meets that pair of interfaces.
                routed = unite(
                    old.egresses(node.name).get(theirs, ()), new.egresses(heir.name).get(egress, ())
                )
                found |= ((was - now) | (now - was)).towards(routed)
        if found:
            behind = {renames.node(name) for name in _behind(old, node.name, mine)}
            yield Part(found, frozenset(behind | _behind(new, heir.name, ingress)))


def _behind(network: Network, node: str, segment: str) -> set[str]:
    """Everybody whose packets can come in to a node by a segment: whoever is joined to it else."""
    seen, queue, found = {segment}, [segment], set[str]()
    while queue:
        for name in network.attached[queue.pop()]:
            if name != node and name not in found:
                found.add(name)
                for interface in network.topology.nodes[name].interfaces:
                    if interface.segment not in seen:
                        seen.add(interface.segment)
                        queue.append(interface.segment)
    return found


def _addresses(node: ResolvedNode, renames: Renames) -> set[tuple[str, object]]:
    return {(renames.segment(i.segment), a) for i in node.interfaces for a in i.addresses}


def _rerouted(
    node: ResolvedNode, heir: ResolvedNode, renames: Renames
) -> Iterator[tuple[int, int]]:
    """The destinations for which the table says something else."""
    for prefix, *_ in _table(node, renames) ^ _table(heir, Renames()):
        assert isinstance(prefix, IPv4Network | IPv6Network)
        yield prefix_span(prefix)


def _table(node: ResolvedNode, renames: Renames) -> set[tuple[object, str, str]]:
    entries: set[tuple[object, str, str]] = {
        (r.prefix, renames.node(r.next_hop), renames.segment(r.interface)) for r in node.routes
    }
    for interface in node.interfaces:
        for address in interface.addresses:
            entries.add((address.network, "", renames.segment(interface.segment)))
    return entries
