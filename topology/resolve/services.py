"""Services and matches by name, merged into the fewest matches."""

from __future__ import annotations

from collections.abc import Iterable

from topology.model import Protocol, Topology
from topology.model.service import ICMP_TYPES, parse_match
from topology.resolve.names import ANY
from topology.resolve.types import Match

__all__ = ["resolve_services"]


def resolve_services(topology: Topology, services: Iterable[str]) -> tuple[Match, ...]:
    """One match a protocol, ranges merged and sorted; empty for any service."""
    ranges: dict[Protocol, list[tuple[int, int]] | None] = {}
    for service in services:
        if service == ANY:
            return ()
        for text in topology.services.get(service, (service,)):
            protocol, chosen = parse_match(text)
            known = ranges.setdefault(protocol, [])
            if chosen is None or known is None:
                ranges[protocol] = None
            else:
                known.append(chosen)
    return tuple(_match(protocol, ranges[protocol]) for protocol in sorted(ranges))


def _match(protocol: Protocol, ranges: list[tuple[int, int]] | None) -> Match:
    merged: list[tuple[int, int]] = []
    for low, high in sorted(ranges or ()):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    if protocol in ICMP_TYPES:
        types = tuple(t for low, high in merged for t in range(low, high + 1))
        return Match(protocol, types=types if len(types) < 256 else ())
    return Match(protocol, ports=tuple(merged))
