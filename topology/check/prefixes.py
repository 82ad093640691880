"""Segments have prefixes that are usable and that no other segment has."""

from __future__ import annotations

from collections.abc import Iterator

from topology.check.finding import error
from topology.diagnostics import Code, Diagnostic, Path
from topology.model import Topology
from topology.resolve.addresses import address_key
from topology.resolve.types import Prefix

__all__ = ["prefixes"]


def prefixes(topology: Topology) -> Iterator[Diagnostic]:
    """Prefixes that overlap, that no host can have an address of, or that are too long."""
    found: list[tuple[Prefix, Path]] = []
    for name, segment in topology.segments.items():
        for index, prefix in enumerate(segment.prefixes):
            path = ("segments", name, "prefixes", index)
            why = _unusable(prefix)
            if why:
                yield error(
                    Code.UNUSABLE_PREFIX,
                    f"{prefix} {why}",
                    path,
                    hint="use a documentation, private or public unicast prefix",
                )
            else:
                found.append((prefix, path))
    yield from _overlapping(found)


def _unusable(prefix: Prefix) -> str:
    if prefix.prefixlen == prefix.max_prefixlen:
        return "has room for a single address"
    if prefix.is_multicast:
        return "is multicast"
    if prefix.is_loopback:
        return "is loopback"
    if prefix.version == 6 and prefix.is_link_local:
        return "is link-local, which every interface has anyway"
    if prefix.is_unspecified or prefix.prefixlen < 8 or prefix.network_address.is_reserved:
        return "is not a prefix of a segment"
    return ""


def _overlapping(found: list[tuple[Prefix, Path]]) -> Iterator[Diagnostic]:
    """Sorted by address, a prefix overlaps one of those that enclose it and are still open."""
    enclosing: list[tuple[Prefix, Path]] = []
    for prefix, path in sorted(found, key=lambda item: address_key(item[0])):
        while enclosing and not (
            enclosing[-1][0].version == prefix.version
            and prefix.network_address in enclosing[-1][0]
        ):
            enclosing.pop()
        if enclosing:
            other, where = enclosing[-1]
            yield error(
                Code.OVERLAPPING_PREFIXES,
                f"{prefix} overlaps {other} of segment {where[1]}",
                path,
                detail="An address in both would be on two segments at once.",
                hint=f"give segment {path[1]} a prefix of its own",
            )
        enclosing.append((prefix, path))
