"""No prefix of the topology is one that the host itself uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from topology.check.finding import warning
from topology.diagnostics import Code, Diagnostic
from topology.resolve.types import Prefix, ResolvedTopology

__all__ = ["host_prefixes"]


def host_prefixes(topology: ResolvedTopology, own: Iterable[Prefix]) -> Iterator[Diagnostic]:
    """A warning for each segment that overlaps a prefix that the host has a route to.

    It matters where the topology meets the host: on an uplink, or without namespaces.
    """
    known = [prefix for prefix in own if prefix.prefixlen]
    for segment in topology.segments.values():
        for index, prefix in enumerate(segment.prefixes):
            clash = next(
                (each for each in known if each.version == prefix.version and _meet(each, prefix)),
                None,
            )
            if clash is not None:
                yield warning(
                    Code.HOST_PREFIX,
                    f"{prefix} of segment {segment.name} overlaps {clash}, which this host uses",
                    ("segments", segment.name, "prefixes", index),
                    hint="use a prefix that the host has no route to",
                )


def _meet(one: Prefix, other: Prefix) -> bool:
    return int(one.network_address) <= int(other.broadcast_address) and int(
        other.network_address
    ) <= int(one.broadcast_address)
