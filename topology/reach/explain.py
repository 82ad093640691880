"""One flow explained: the way of its first packet, and of the answer."""

from __future__ import annotations

from dataclasses import dataclass, replace

from topology.reach.answers import answer_services
from topology.reach.space import Packet, service_at, service_point
from topology.reach.trace import End, Trace, trace
from topology.resolve.types import Address, Protocol, ResolvedTopology

__all__ = ["Explanation", "answer_to", "explain", "source_address"]


@dataclass(frozen=True, slots=True)
class Explanation:
    """The way of a packet; where it arrives and something answers it, the answer's way too."""

    there: Trace
    back: Trace | None = None

    @property
    def opens(self) -> bool:
        """Whether the flow opens: the packet arrives, and so does the answer if there is one."""
        arrived = self.there.end is End.DELIVERED
        return arrived and (self.back is None or self.back.end is End.DELIVERED)


def explain(topology: ResolvedTopology, packet: Packet, origin: str) -> Explanation:
    """What becomes of a packet that a node sends by its own routes."""
    there = trace(topology, packet, origin)
    answer = answer_to(packet)
    if there.end is not End.DELIVERED or answer is None:
        return Explanation(there)
    seen = frozenset(there.nodes[1:])
    return Explanation(there, trace(topology, answer, there.last.node, answers_to=seen))


def answer_to(packet: Packet) -> Packet | None:
    """The answer to a packet; `None` for messages of ICMP that nothing answers."""
    point = service_point(packet.protocol, packet.port)
    services = answer_services(((point, point),))
    if not services:
        return None
    protocol, port = service_at(services[0][0])
    back = Packet(packet.destination, packet.source, protocol, port)
    if protocol in (Protocol.TCP, Protocol.UDP):
        back = replace(back, port=packet.source_port, source_port=packet.port)
    return back


def source_address(topology: ResolvedTopology, source: str, version: int) -> Address | None:
    """An address of a node in a family, the first of the first interface that has one."""
    for interface in topology.nodes[source].interfaces:
        for address in interface.addresses:
            if address.version == version:
                return address.ip
    return None
