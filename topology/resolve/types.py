"""What a topology is once every name, address, MAC, route and record is known.

Nothing here can be left out or be wrong: `topology.resolve` builds these values from a
`Topology` and reports mistakes as diagnostics instead of building them. They are frozen, and
their order is sorted by name (rules excepted), so that equal topologies are equal values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)

from topology.model.words import (
    Dataplane,
    Kind,
    Protocol,
    ReversePath,
    RoutingFault,
    RuleAction,
    StatementKind,
)

__all__ = [
    "Address",
    "Dataplane",
    "DnsRecord",
    "DnsZone",
    "Endpoint",
    "InterfaceAddress",
    "Kind",
    "Match",
    "Prefix",
    "Protocol",
    "ResolvedInterface",
    "ResolvedMetrics",
    "ResolvedNode",
    "ResolvedPolicy",
    "ResolvedRoute",
    "ResolvedRule",
    "ResolvedSegment",
    "ResolvedStatement",
    "ResolvedTopology",
    "Resource",
    "ReversePath",
    "RoutingFault",
    "RuleAction",
    "StatementKind",
    "in_zone",
]

Address = IPv4Address | IPv6Address
InterfaceAddress = IPv4Interface | IPv6Interface
Prefix = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Match:
    """One protocol with its destination ports (inclusive ranges) or ICMP types; empty means all."""

    protocol: Protocol
    ports: tuple[tuple[int, int], ...] = ()
    types: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One side of a rule at its node: an interface (by segment name), or a prefix; never both.

    A zone that the node is attached to is its interfaces into that zone; any other zone,
    segment or node is the prefixes or addresses it holds.
    """

    interface: str | None = None
    prefix: Prefix | None = None

    def __post_init__(self) -> None:
        if (self.interface is None) == (self.prefix is None):
            raise ValueError("an endpoint is an interface or a prefix")


@dataclass(frozen=True, slots=True)
class ResolvedRule:
    """An ordered rule; empty `sources`, `destinations` or `matches` mean any."""

    name: str
    action: RuleAction
    sources: tuple[Endpoint, ...]
    destinations: tuple[Endpoint, ...]
    matches: tuple[Match, ...]
    log: bool = False


@dataclass(frozen=True, slots=True)
class ResolvedPolicy:
    """First match decides, `default` decides the rest; established flows pass when stateful."""

    name: str
    default: RuleAction
    stateful: bool
    rules: tuple[ResolvedRule, ...]


@dataclass(frozen=True, slots=True)
class ResolvedInterface:
    """A node's attachment to a segment; its name is the segment's."""

    segment: str
    zone: str
    mac: str
    mtu: int
    addresses: tuple[InterfaceAddress, ...]


@dataclass(frozen=True, slots=True)
class ResolvedRoute:
    """A static route: its prefix, the next hop by name and address, the interface towards it."""

    prefix: Prefix
    next_hop: str
    via: Address
    interface: str


@dataclass(frozen=True, slots=True)
class Resource:
    """What the web server answers at a path: a media type and bytes."""

    path: str
    media_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class DnsRecord:
    """A resource record; names are absolute without the final dot (RFC 1035 section 3)."""

    name: str
    type: str
    ttl: int
    data: str


def in_zone(hostname: str, origin: str) -> bool:
    """Whether a name is the zone's apex or below it.

    >>> in_zone("www.poc.example", "poc.example"), in_zone("xpoc.example", "poc.example")
    (True, False)
    """
    return hostname == origin or hostname.endswith(f".{origin}")


@dataclass(frozen=True, slots=True)
class DnsZone:
    """An authoritative zone: its apex, its SOA fields and its records, NS included."""

    origin: str
    ttl: int
    primary: str
    mailbox: str
    serial: int
    refresh: int
    retry: int
    expire: int
    minimum: int
    records: tuple[DnsRecord, ...]


@dataclass(frozen=True, slots=True)
class ResolvedMetrics:
    """Where a node shows its metrics: a TCP port of its own, to sources in these prefixes."""

    port: int
    sources: tuple[Prefix, ...]


@dataclass(frozen=True, slots=True)
class ResolvedNode:
    """A node with everything that it needs to run, whatever the variant.

    `memory` is in MiB, `None` where the platform's default applies. `resources` is filled for
    web nodes, `zones` for DNS nodes, `policy` for nodes that filter. `rate_limit` is in responses
    a second and prefix of clients, `None` without limit. `reverse_path` is for who forwards.
    """

    name: str
    kind: Kind
    host: str
    interfaces: tuple[ResolvedInterface, ...]
    routes: tuple[ResolvedRoute, ...]
    memory: int | None = None
    vcpus: int = 1
    dataplane: Dataplane = Dataplane.KERNEL
    reverse_path: ReversePath = ReversePath.STRICT
    resources: tuple[Resource, ...] = ()
    zones: tuple[DnsZone, ...] = ()
    policy: ResolvedPolicy | None = None
    rate_limit: int | None = None
    metrics: ResolvedMetrics | None = None

    @property
    def deployed(self) -> bool:
        """Whether the node becomes a domain."""
        return self.kind is not Kind.EXTERNAL

    def interface(self, segment: str) -> ResolvedInterface:
        """The interface on `segment`; raises `KeyError` when the node has none there."""
        for interface in self.interfaces:
            if interface.segment == segment:
                return interface
        raise KeyError(segment)


@dataclass(frozen=True, slots=True)
class ResolvedSegment:
    """A shared layer-2 domain, placed on a host."""

    name: str
    zone: str
    host: str
    mtu: int
    prefixes: tuple[Prefix, ...]


@dataclass(frozen=True, slots=True)
class ResolvedStatement:
    """A statement with its selectors expanded to node names; never derived from rules.

    `sources` and `destinations` hold node names. `matches` is empty for any service.
    `only` names the statements whose flows are the only ones let through; `node` is the
    waypoint of a waypoint statement and the `across` of an isolation (`None`: anywhere).
    `faults` are what routes must never do, `hostname` is what must resolve.
    """

    name: str
    kind: StatementKind
    sources: tuple[str, ...]
    destinations: tuple[str, ...]
    matches: tuple[Match, ...] = ()
    only: tuple[str, ...] = ()
    node: str | None = None
    faults: tuple[RoutingFault, ...] = ()
    hostname: str | None = None


@dataclass(frozen=True, slots=True)
class ResolvedTopology:
    """The whole network, resolved. Mappings are keyed and sorted by name."""

    name: str
    segments: Mapping[str, ResolvedSegment]
    nodes: Mapping[str, ResolvedNode]
    statements: Mapping[str, ResolvedStatement]
