"""What comes back: the answers to flows, and the questions that a message answers."""

from __future__ import annotations

from topology.reach.ranges import Ranges, contains, intersect, normal, subtract, unite
from topology.reach.space import (
    ALL_SERVICES,
    ANSWERS,
    EPHEMERAL,
    Packet,
    service_point,
    services_of,
)
from topology.resolve.types import Match, Protocol

__all__ = ["answer_services", "asked_by", "question_services"]

_TCP = services_of([Match(Protocol.TCP)])
_UDP = services_of([Match(Protocol.UDP)])
_ICMP = services_of([Match(Protocol.ICMP), Match(Protocol.ICMPV6)])
_OTHER = subtract(ALL_SERVICES, unite(unite(_TCP, _UDP), _ICMP))


def answer_services(services: Ranges) -> Ranges:
    """The services of what answers flows of these.

    TCP and UDP are answered to the port that the client opened from, echo requests by replies,
    other protocols by themselves. No other message of ICMP has an answer here.
    """
    found = intersect(services, _OTHER)
    for ports, protocol in ((_TCP, Protocol.TCP), (_UDP, Protocol.UDP)):
        if intersect(services, ports):
            found = unite(found, services_of([Match(protocol, ports=(EPHEMERAL,))]))
    for (protocol, asked), answer in ANSWERS.items():
        if contains(services, service_point(protocol, asked)):
            point = service_point(protocol, answer)
            found = unite(found, ((point, point),))
    return found


def question_services(services: Ranges) -> Ranges:
    """The echo requests whose replies are among these services."""
    asked = (
        service_point(protocol, kind)
        for (protocol, kind), answer in ANSWERS.items()
        if contains(services, service_point(protocol, answer))
    )
    return normal((point, point) for point in asked)


def asked_by(answer: Packet) -> Ranges:
    """The services that a packet can be an answer to."""
    point = service_point(answer.protocol, answer.port)
    for ports in (_TCP, _UDP):
        if contains(ports, point):
            return ports
    return question_services(((point, point),)) or ((point, point),)
