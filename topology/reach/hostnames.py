"""What the topology's own DNS servers answer, by their zones."""

from __future__ import annotations

from topology.reach.space import services_of
from topology.resolve.records import source_of
from topology.resolve.types import Match, Protocol, ResolvedNode, ResolvedTopology, in_zone

__all__ = ["DNS", "lookup", "servers_of"]

DNS = services_of(Match(protocol, ports=((53, 53),)) for protocol in (Protocol.TCP, Protocol.UDP))
"""How servers are asked (RFC 7766: over both)."""

_MOST_ALIASES = 16


def servers_of(topology: ResolvedTopology, hostname: str) -> tuple[str, ...]:
    """The DNS nodes with a zone that a name is in."""
    return tuple(
        name
        for name, node in topology.nodes.items()
        if any(in_zone(hostname, zone.origin) for zone in node.zones)
    )


def lookup(server: ResolvedNode, hostname: str) -> tuple[str, ...]:
    """The addresses that a server gives for a name, aliases and wildcards followed, sorted."""
    name = hostname
    records = [record for zone in server.zones for record in zone.records]
    names = {record.name for record in records}
    for _ in range(_MOST_ALIASES):
        source = source_of(name, names)
        own = [record for record in records if record.name == source]
        aliases = [record.data for record in own if record.type == "CNAME"]
        if not aliases:
            return tuple(sorted(r.data for r in own if r.type in ("A", "AAAA")))
        name = aliases[0]
    return ()
