"""The closed vocabularies of a topology file."""

from __future__ import annotations

from enum import StrEnum

__all__ = [
    "Dataplane",
    "Kind",
    "Protocol",
    "ReversePath",
    "RoutingFault",
    "RuleAction",
    "StatementKind",
]


class Dataplane(StrEnum):
    """Who forwards in a container: the host's kernel, or the code that unikernels run."""

    KERNEL = "kernel"
    SHARED = "shared"


class Kind(StrEnum):
    """What a node does; `external` nodes stand for the outside and are never deployed."""

    DNS = "dns"
    EXTERNAL = "external"
    FIREWALL = "firewall"
    ROUTER = "router"
    WEB = "web"

    @property
    def forwards(self) -> bool:
        """Whether nodes of this kind pass packets on."""
        return self in (Kind.FIREWALL, Kind.ROUTER)


class Protocol(StrEnum):
    """A protocol that a service or a rule names."""

    ICMP = "icmp"
    ICMPV6 = "icmpv6"
    TCP = "tcp"
    UDP = "udp"

    @property
    def number(self) -> int:
        """What packets name it by (IANA, Assigned Internet Protocol Numbers)."""
        return _NUMBERS[self]


_NUMBERS = {Protocol.ICMP: 1, Protocol.TCP: 6, Protocol.UDP: 17, Protocol.ICMPV6: 58}


class ReversePath(StrEnum):
    """Whether a forwarder drops what comes in where it would not send to its source (RFC 3704).

    `strict` is section 2.2 there: the longest prefix that holds the source leads back by the very
    interface.
    """

    STRICT = "strict"
    OFF = "off"


class RoutingFault(StrEnum):
    """How routes fail a packet: they lead in a circle, or nowhere."""

    BLACK_HOLES = "black-holes"
    LOOPS = "loops"


class RuleAction(StrEnum):
    """What a rule does with what it matches."""

    DENY = "deny"
    PERMIT = "permit"


class StatementKind(StrEnum):
    """What a statement asserts about flows."""

    ISOLATE = "isolate"
    NEVER = "never"
    ONLY = "only"
    REACH = "reach"
    RESOLVE = "resolve"
    WAYPOINT = "waypoint"
