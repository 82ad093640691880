"""Flows drawn from the model to hold it against the wire, most of them at the edges of rules.

A rule that is wrong by one port or one address is wrong at its edge. So most flows have a port or
type at an edge of what some rule or statement names, or one beyond it, and go to an address that
somebody has, or the first and last of a prefix. Some claim to be from where they are not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from topology.reach.space import Packet
from topology.reach.trace import Trace, trace
from topology.resolve.types import Address, Match, Protocol, ResolvedTopology

__all__ = ["Sample", "samples", "service_edges"]

_AT_EDGES = 0.8
_TO_SOMEBODY = 0.8
_FORGED = 0.1
_PORTS = (49152, 65535)


@dataclass(frozen=True, slots=True)
class Sample:
    """A packet that a node sends by its own routes, and what the model says becomes of it."""

    origin: str
    packet: Packet
    predicted: Trace

    @property
    def seen_on(self) -> tuple[str, ...]:
        """The segments that it must be seen on, in order, and on no others."""
        return tuple(
            hop.egress
            for place, hop in enumerate(self.predicted.hops)
            # To an address that nobody answers for, no packet is ever sent.
            if hop.egress is not None and place + 1 < len(self.predicted.hops)
        )


def samples(
    topology: ResolvedTopology,
    origins: Sequence[str],
    count: int,
    *,
    seed: int = 0,
    versions: Sequence[int] = (4, 6),
) -> tuple[Sample, ...]:
    """That many different flows from the origins, the same for the same seed.

    Each has a source port of its own, so that no flow is another's answer.
    """
    random = Random(seed)  # noqa: S311 - reproducible draws, no secrets
    edges = sorted(service_edges(topology), key=str)
    found: dict[Packet, Sample] = {}
    tries = 0
    while len(found) < count and tries < 50 * count:
        tries += 1
        origin = random.choice(list(origins))
        version = random.choice(list(versions))
        packet = _packet(topology, random, origin, version, edges)
        if packet is None:
            continue
        if packet not in found:
            found[packet] = Sample(origin, packet, trace(topology, packet, origin))
    return tuple(found.values())


def service_edges(topology: ResolvedTopology) -> set[tuple[Protocol, int]]:
    """Every first and last port or type that a rule or statement names, and their neighbours."""
    found: set[tuple[Protocol, int]] = set()
    for match in _matches(topology):
        top = 65535 if match.protocol in (Protocol.TCP, Protocol.UDP) else 255
        ranges = match.ports or tuple((kind, kind) for kind in match.types) or ((0, top),)
        for low, high in ranges:
            near = (low - 1, low, high, high + 1)
            found.update((match.protocol, value) for value in near if 0 < value <= top)
            if low == 0:
                found.add((match.protocol, 0))
    return found


def _matches(topology: ResolvedTopology) -> Iterator[Match]:
    for node in topology.nodes.values():
        for rule in node.policy.rules if node.policy is not None else ():
            yield from rule.matches
    for statement in topology.statements.values():
        yield from statement.matches


def _packet(
    topology: ResolvedTopology,
    random: Random,
    origin: str,
    version: int,
    edges: Sequence[tuple[Protocol, int]],
) -> Packet | None:
    near = [
        a.ip for i in topology.nodes[origin].interfaces for a in i.addresses if a.version == version
    ]
    far = _destination(topology, random, version)
    if not near or far is None or far in near:
        return None
    icmp = Protocol.ICMP if version == 4 else Protocol.ICMPV6
    known = [edge for edge in edges if edge[0] in (Protocol.TCP, Protocol.UDP, icmp)]
    if known and random.random() < _AT_EDGES:
        protocol, port = random.choice(known)
    else:
        protocol = random.choice((Protocol.TCP, Protocol.UDP, icmp))
        port = random.randint(0, 255) if protocol is icmp else random.randint(1, 65535)
    ported = protocol in (Protocol.TCP, Protocol.UDP)
    source_port = random.randint(*_PORTS) if ported else None
    source = random.choice(near)
    if random.random() < _FORGED:
        claimed = _destination(topology, random, version)
        source = source if claimed in (None, far) else claimed
    return Packet(source, far, protocol, port, source_port)


def _destination(topology: ResolvedTopology, random: Random, version: int) -> Address | None:
    owned = [
        a.ip
        for node in topology.nodes.values()
        for i in node.interfaces
        for a in i.addresses
        if a.version == version
    ]
    if random.random() < _TO_SOMEBODY:
        return random.choice(owned) if owned else None
    prefixes = [p for s in topology.segments.values() for p in s.prefixes if p.version == version]
    if not prefixes:
        return None
    prefix = random.choice(prefixes)
    last = prefix.num_addresses - (2 if version == 4 else 1)
    return prefix[random.choice((1, last, random.randint(1, last)))]
