"""Statements proved, or broken by a packet.

What must get through is asked of nodes as they are: their own addresses, their own routes, every
port that clients open from, and the answer has to come back. What must not is asked of whoever
stands where they stand: any header, handed to any neighbour. Statements speak of the packets that
open flows; what answers follows from them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

from topology.errors import TopologyError
from topology.reach.answers import answer_services, asked_by, question_services
from topology.reach.flows import FlowSet
from topology.reach.hostnames import DNS, lookup, servers_of
from topology.reach.network import Ending, Network, Outcome, stand_of
from topology.reach.ranges import Ranges, contains, normal, subtract, unite
from topology.reach.space import (
    ADDRESSES,
    ALL_SERVICES,
    Packet,
    address_point,
    services_of,
)
from topology.reach.trace import End, Trace, trace
from topology.reach.verdict import Break, Counterexample, Proof, Verdict
from topology.resolve.types import Address, ResolvedStatement, RoutingFault, StatementKind

__all__ = ["Prover", "prove"]

_SOME = 8
"""Counter-examples to choose the plainest from."""

_FEW = 64
"""Destinations up to which sets are cut to them before they travel."""


def prove(network: Network) -> Proof:
    """The verdict on every statement of a topology."""
    prover = Prover(network)
    statements = network.topology.statements
    return Proof({name: prover.verdict(each) for name, each in statements.items()})


class Prover:
    """Proves statements about one network, sharing what they have in common.

    With a `limit`, what must not get through, or never be, is asked of the flows alone that it
    gives for those who stand at a place; other statements know no limit.
    """

    def __init__(
        self, network: Network, limit: Callable[[Sequence[str]], FlowSet] | None = None
    ) -> None:
        self._network = network
        self._limit = limit
        self._topology = network.topology
        self._places: dict[tuple[str, ...], dict[str, tuple[str, ...]]] = {}
        self._alike: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
        self._stands: dict[str, object] = {}
        self._sets: dict[tuple[str, ...], frozenset[str]] = {}
        self._own: dict[tuple[str, ...], Ranges] = {}

    def verdict(self, statement: ResolvedStatement) -> Verdict:
        """Whether a statement holds for all packets, or the packet that breaks it."""
        some = list(islice(self._breaks(statement), _SOME))
        return Verdict(statement, min(some, key=self._strangeness, default=None))

    def _strangeness(self, broken: Counterexample) -> tuple[bool, bool, int]:
        """How hard a counter-example is to believe: forged, handed to a neighbour, far."""
        walked = broken.question or broken.trace
        if walked is None:
            return False, False, 0
        own = self._network.addresses(broken.source)
        forged = not contains(own, address_point(walked.packet.source))
        return forged, walked.handed, len(walked.hops)

    def _breaks(self, statement: ResolvedStatement) -> Iterator[Counterexample]:
        match statement.kind:
            case StatementKind.REACH:
                return self._reach(statement)
            case StatementKind.ISOLATE:
                return self._isolate(statement)
            case StatementKind.ONLY:
                return self._only(statement)
            case StatementKind.RESOLVE:
                return self._resolve(statement)
            case StatementKind.WAYPOINT:
                return self._waypoint(statement)
            case StatementKind.NEVER:
                return self._never(statement)

    # What must get through.

    def _reach(self, statement: ResolvedStatement) -> Iterator[Counterexample]:
        services = services_of(statement.matches)
        far = self._addresses(statement.destinations)
        for alike in self._classes(statement.sources):
            yield from self._without_family(alike, statement.destinations, services)
            yield from self._lost(alike, statement.destinations, far, services)

    def _lost(
        self, alike: tuple[str, ...], destinations: Sequence[str], far: Ranges, services: Ranges
    ) -> Iterator[Counterexample]:
        """Flows of nodes that stand alike that are not delivered, or whose answers are not."""
        wanted = self._network.opened(alike, far, services)
        for name in set(alike) & set(destinations):
            own = self._network.addresses(name)
            wanted -= FlowSet.of(own, own, services)
        delivered = [
            outcome
            for outcome in self._network.outcomes(self._network.send(alike[0], wanted))
            if outcome.ending is Ending.DELIVERED
        ]
        missing = wanted
        for outcome in delivered:
            missing -= outcome.flows
        if missing:
            packet = missing.packet()
            walked = self._walk(packet, self._owner(packet.source), delivered=False)
            yield Counterexample(
                Break.LOST, walked.nodes[0], self._owner(packet.destination), walked
            )
        # Who stands alike answers by the same routes, through filters that have seen the same.
        groups: dict[object, list[Outcome]] = {}
        for outcome in delivered:
            key = (self._stand(outcome.node), outcome.path)
            groups.setdefault(key, []).append(outcome)
        for group in groups.values():
            yield from self._unanswered(group)

    def _unanswered(self, group: Sequence[Outcome]) -> Iterator[Counterexample]:
        """Flows that are delivered to nodes that stand alike, of which an answer is not."""
        flows = group[0].flows
        for outcome in group[1:]:
            flows |= outcome.flows
        seen = frozenset(node for node, _ in group[0].path)
        for box in flows.boxes():
            services = answer_services(box.services)
            missing = wanted = FlowSet.of(box.sources, box.destinations, services)
            starts = self._network.send(group[0].node, wanted)
            for back in self._network.outcomes(starts, answers_to=seen):
                if back.ending is Ending.DELIVERED:
                    missing -= back.flows
            if missing:
                answer = missing.packet()
                question, here = _question(flows, answer), self._owner(answer.source)
                asked = self._walk(question, self._owner(question.source), delivered=True)
                walked = self._walk(answer, here, delivered=False, answers_to=seen)
                yield Counterexample(Break.ANSWER_LOST, asked.nodes[0], here, walked, asked)

    def _without_family(
        self, alike: tuple[str, ...], destinations: Sequence[str], services: Ranges
    ) -> Iterator[Counterexample]:
        """Pairs between which no packet can exist that carries the services."""
        near = self._network.addresses(alike[0])
        for name in destinations:
            if name not in alike and not FlowSet.of(self._network.addresses(name), near, services):
                yield Counterexample(Break.NO_FAMILY, alike[0], name)

    def _resolve(self, statement: ResolvedStatement) -> Iterator[Counterexample]:
        """Servers that answer otherwise, or that a source cannot ask."""
        assert statement.hostname is not None, "a resolve statement names what it is about"
        wanted = {
            str(address.ip)
            for name in statement.destinations
            for interface in self._topology.nodes[name].interfaces
            for address in interface.addresses
        }
        for server in servers_of(self._topology, statement.hostname):
            found = lookup(self._topology.nodes[server], statement.hostname)
            if set(found) != wanted:
                yield Counterexample(
                    Break.WRONG_ANSWER, statement.sources[0], server, found=tuple(found)
                )
            far = self._network.addresses(server)
            for alike in self._classes(statement.sources):
                yield from self._without_family(alike, (server,), DNS)
                yield from self._lost(alike, (server,), far, DNS)

    # What must not.

    def _isolate(self, statement: ResolvedStatement) -> Iterator[Counterexample]:
        services, across = services_of(statement.matches), statement.node
        # Who names replies means those that are asked for, too; `any` is what opens.
        asked = question_services(services) if statement.matches else ()
        if across is not None and not self._network.lets_through(across, unite(services, asked)):
            return  # it lets nothing of the kind through, whoever sends it
        for segment, names in self._by_segment(statement.sources).items():
            for outcome in self._entered(segment, names, statement.destinations, services):
                if across is None or any(node == across for node, _ in outcome.path):
                    yield from self._arrives(Break.ARRIVES, segment, names, outcome)
        if asked:
            yield from self._replies(statement, asked)

    def _replies(self, statement: ResolvedStatement, asked: Ranges) -> Iterator[Counterexample]:
        """Replies that get from sources to destinations since these may ask for them."""
        sources = frozenset(statement.sources)
        near = self._addresses(statement.sources)
        for segment, names in self._by_segment(statement.destinations).items():
            own = self._addresses(names)
            flows = FlowSet.of(near, own, asked)
            starts = self._network.enter(segment, flows, names[0] if len(names) == 1 else None)
            for outcome in self._network.outcomes(starts):
                if outcome.ending is Ending.DELIVERED and outcome.node in sources:
                    yield from self._replied(statement, segment, names, outcome)

    def _replied(
        self, statement: ResolvedStatement, segment: str, names: tuple[str, ...], outcome: Outcome
    ) -> Iterator[Counterexample]:
        seen = frozenset(node for node, _ in outcome.path)
        for box in outcome.flows.boxes():
            replies = FlowSet.of(box.sources, box.destinations, answer_services(box.services))
            starts = self._network.send(outcome.node, replies)
            for back in self._network.outcomes(starts, answers_to=seen):
                if back.ending is not Ending.DELIVERED or back.node not in names:
                    continue
                if back.node == outcome.node:
                    continue
                if statement.node is None or any(n == statement.node for n, _ in back.path):
                    reply = back.flows.packet()
                    walked = self._walk(reply, outcome.node, delivered=True, answers_to=seen)
                    question = _question(outcome.flows, reply)
                    asked = self._strange_walk(question, segment, back.node, outcome)
                    yield Counterexample(Break.ARRIVES, outcome.node, back.node, walked, asked)

    def _only(self, statement: ResolvedStatement) -> Iterator[Counterexample]:
        listed = [self._topology.statements[name] for name in statement.only]
        for segment, names in self._by_segment(statement.sources).items():
            groups: dict[tuple[str, ...], list[str]] = {}
            for name in names:
                said = tuple(each.name for each in listed if name in self._set(each.sources))
                groups.setdefault(said, []).append(name)
            for said, group in groups.items():
                allowed = self._allowed(said)
                everything = ALL_SERVICES
                for outcome in self._entered(
                    segment, tuple(group), statement.destinations, everything
                ):
                    rest = subtract(ALL_SERVICES, allowed.get(outcome.node, ()))
                    if bad := outcome.flows.only(rest):
                        extra = Outcome(bad, outcome.path, outcome.ending, outcome.node)
                        yield from self._arrives(Break.ARRIVES, segment, tuple(group), extra)

    def _waypoint(self, statement: ResolvedStatement) -> Iterator[Counterexample]:
        node = statement.node
        assert node is not None, "a waypoint statement names its node"
        sources = tuple(name for name in statement.sources if name != node)
        destinations = tuple(name for name in statement.destinations if name != node)
        for segment, names in self._by_segment(sources).items():
            for outcome in self._entered(segment, names, destinations, ALL_SERVICES, around=node):
                yield from self._arrives(Break.AROUND, segment, names, outcome)

    def _entered(
        self,
        segment: str,
        names: tuple[str, ...],
        destinations: tuple[str, ...],
        services: Ranges,
        *,
        around: str | None = None,
    ) -> Iterator[Outcome]:
        """Whatever somebody at the place of `names` on a segment gets through to destinations."""
        far = self._addresses(destinations) if len(destinations) <= _FEW else ADDRESSES
        flows = self._within(names, FlowSet.of(far, ADDRESSES, services))
        alone = names[0] if len(names) == 1 else None
        wanted = self._set(destinations)
        starts = self._network.enter(segment, flows, alone)
        for outcome in self._network.outcomes(starts, around=around):
            arrived = outcome.ending is Ending.DELIVERED and outcome.node in wanted
            if arrived and outcome.node != alone:
                yield outcome

    def _arrives(
        self, kind: Break, segment: str, names: tuple[str, ...], outcome: Outcome
    ) -> Iterator[Counterexample]:
        """The packet that arrives, from a node's own address and by its own routes if one does."""
        first = outcome.path[0][0] if outcome.path else outcome.node
        origin = next((name for name in names if name not in (first, outcome.node)), None)
        if origin is None:
            return  # nobody hands a packet to itself, nor sends itself one by others
        flows = outcome.flows.towards(self._network.addresses(outcome.node))
        packet = flows.packet(low for low, _ in self._network.addresses(origin))
        walked = self._strange_walk(packet, segment, origin, outcome)
        yield Counterexample(kind, origin, outcome.node, walked)

    # How routes fail.

    def _never(self, statement: ResolvedStatement) -> Iterator[Counterexample]:
        far = self._addresses(statement.destinations)
        if RoutingFault.LOOPS in statement.faults:
            everywhere = len(statement.destinations) == len(self._topology.nodes)
            flows = FlowSet.of(ADDRESSES if everywhere else far, ADDRESSES, ALL_SERVICES)
            for segment, names in self._by_segment(statement.sources).items():
                alone = names[0] if len(names) == 1 else None
                sent = self._within(names, flows)
                for outcome in self._network.outcomes(self._network.enter(segment, sent, alone)):
                    if outcome.ending is Ending.LOOP:
                        first = outcome.path[0][0]
                        origin = next((name for name in names if name != first), None)
                        if origin is None:
                            continue
                        own = self._network.addresses(origin)
                        packet = outcome.flows.packet(low for low, _ in own)
                        walked = trace(self._topology, packet, origin)
                        if walked.end is not End.LOOP:
                            handed = (segment, first)
                            walked = trace(self._topology, packet, origin, first=handed)
                        yield Counterexample(Break.LOOP, origin, str(packet.destination), walked)
        if RoutingFault.BLACK_HOLES in statement.faults:
            for alike in self._classes(statement.sources):
                wanted = self._within(alike, self._network.opened(alike, far))
                for outcome in self._network.outcomes(self._network.send(alike[0], wanted)):
                    if outcome.ending in (Ending.NO_ROUTE, Ending.NO_NEIGHBOUR):
                        packet = outcome.flows.packet()
                        walked = self._walk(packet, self._owner(packet.source), delivered=False)
                        yield Counterexample(
                            Break.BLACK_HOLE,
                            walked.nodes[0],
                            self._owner(packet.destination),
                            walked,
                        )

    # What is asked of the network again and again.

    def _within(self, names: Sequence[str], flows: FlowSet) -> FlowSet:
        return flows if self._limit is None else flows & self._limit(names)

    def _walk(
        self,
        packet: Packet,
        origin: str,
        *,
        delivered: bool,
        answers_to: frozenset[str] | None = None,
    ) -> Trace:
        """The way of a packet that sets have found, which a walk must confirm."""
        walked = trace(self._topology, packet, origin, answers_to=answers_to)
        return _confirmed(walked, delivered=delivered)

    def _strange_walk(self, packet: Packet, segment: str, origin: str, outcome: Outcome) -> Trace:
        """The way of a stranger's packet: by the routes of `origin` where they take it, too."""
        usual = trace(self._topology, packet, origin)
        nodes = tuple(node for node, _ in outcome.path)
        if usual.end is End.DELIVERED and usual.nodes[1:] in (nodes, (*nodes, outcome.node)):
            return usual
        first = nodes[0] if nodes else outcome.node
        walked = trace(self._topology, packet, origin, first=(segment, first))
        return _confirmed(walked, delivered=True)

    def _owner(self, address: Address) -> str:
        return self._network.owners[address_point(address)]

    def _addresses(self, names: tuple[str, ...]) -> Ranges:
        known = self._own.get(names)
        if known is None:
            spans = (span for name in names for span in self._network.addresses(name))
            known = self._own[names] = normal(spans)
        return known

    def _set(self, names: tuple[str, ...]) -> frozenset[str]:
        known = self._sets.get(names)
        if known is None:
            known = self._sets[names] = frozenset(names)
        return known

    def _by_segment(self, names: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
        """Nodes by the segments that they are on."""
        known = self._places.get(names)
        if known is None:
            found: dict[str, list[str]] = {}
            for name in names:
                for interface in self._topology.nodes[name].interfaces:
                    found.setdefault(interface.segment, []).append(name)
            known = {segment: tuple(there) for segment, there in found.items()}
            self._places[names] = known
        return known

    def _classes(self, names: tuple[str, ...]) -> list[tuple[str, ...]]:
        """Nodes by what routes them alike: the same prefixes of the same segments, and routes."""
        known = self._alike.get(names)
        if known is None:
            found: dict[object, list[str]] = {}
            for name in names:
                found.setdefault(self._stand(name), []).append(name)
            known = self._alike[names] = [tuple(alike) for alike in found.values()]
        return known

    def _stand(self, name: str) -> object:
        known = self._stands.get(name)
        if known is None:
            node = self._topology.nodes[name]
            known = (name,) if node.kind.forwards else stand_of(node)
            self._stands[name] = known
        return known

    def _allowed(self, names: Iterable[str]) -> dict[str, Ranges]:
        """The services that statements let through to each of their destinations."""
        allowed: dict[str, Ranges] = {}
        for name in names:
            each = self._topology.statements[name]
            services = services_of(each.matches)
            for node in each.destinations:
                allowed[node] = unite(allowed.get(node, ()), services)
        return allowed


def _question(flows: FlowSet, answer: Packet) -> Packet:
    """The packet that opened the flow that `answer` belongs to."""
    there, here = address_point(answer.source), address_point(answer.destination)
    asked = flows.towards(((there, there),)).by(((here, here),))
    packet = asked.only(asked_by(answer)).packet()
    return replace(packet, source_port=answer.port if packet.source_port is not None else None)


def _confirmed(walked: Trace, *, delivered: bool) -> Trace:
    if (walked.end is End.DELIVERED) is not delivered:
        raise TopologyError(
            f"the proof and the walk of {walked.packet} disagree ({walked.end}): "
            "this is a fault of the engine, please report it with the topology"
        )
    return walked
