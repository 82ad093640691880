"""DNS records name what exists, and every zone says who serves it."""

from __future__ import annotations

from collections.abc import Iterator

from topology.check.finding import error
from topology.diagnostics import Code, Diagnostic, Path, did_you_mean
from topology.model import DnsNode, RecordSet, Topology
from topology.resolve import Names
from topology.resolve.records import absolute_name, alias_target, name_servers, source_of

__all__ = ["records"]


def records(topology: Topology) -> Iterator[Diagnostic]:
    """Records of unknown nodes, aliases to nowhere, zones without NS or with two contents."""
    names = Names(topology)
    first: dict[str, tuple[str, DnsNode]] = {}
    for node, declared in topology.nodes.items():
        if not isinstance(declared, DnsNode):
            continue
        for origin, zone in declared.records.items():
            path = ("nodes", node, "records", origin)
            yield from _zone_name(origin, path)
            for label, record in zone.items():
                yield from _record(topology, declared, origin, label, record, (*path, label))
            if not name_servers(names, origin, zone):
                yield error(
                    Code.ZONE_WITHOUT_NS,
                    f"no name in {origin} stands for a server of it",
                    path,
                    detail="NS and SOA are derived from the names of the nodes that serve a zone.",
                    hint=f"add `ns1: {node}`",
                    on_key=True,
                )
            other, known = first.setdefault(origin, (node, declared))
            if known.records[origin] != zone:
                yield error(
                    Code.ZONE_CONTRADICTION,
                    f"{other} serves {origin} with other records",
                    path,
                    hint=f"give {origin} the same records on both",
                    on_key=True,
                )


def _zone_name(origin: str, path: Path) -> Iterator[Diagnostic]:
    if origin.endswith((".in-addr.arpa", ".ip6.arpa")):
        yield error(
            Code.BAD_VALUE,
            "reverse zones are derived",
            path,
            on_key=True,
            hint="remove it: PTR records follow from the names of nodes",
        )


def _record(
    topology: Topology, server: DnsNode, origin: str, label: str, record: RecordSet, path: Path
) -> Iterator[Diagnostic]:
    for index, target in enumerate(record.nodes or ()):
        if target not in topology.nodes:
            yield error(
                Code.RECORD_TO_NOWHERE,
                f"there is no node `{target}`",
                (*path, "nodes", index),
                hint=did_you_mean(target, topology.nodes, "nodes"),
            )
    name = absolute_name(label, origin)
    if len(name) > 253:
        yield error(
            Code.BAD_NAME,
            f"{name[:32]}… is longer than 253 characters",
            path,
            hint="shorten it",
            on_key=True,
        )
    if record.cname is None:
        return
    if label == "@":
        yield error(
            Code.BAD_VALUE,
            "a zone itself cannot be an alias",
            (*path, "cname"),
            detail="It has SOA and NS records (RFC 1912 section 2.4).",
            hint="name the node instead",
        )
        return
    seen, here = {name}, name
    while (alias := _alias(server, here)) is not None:
        here = alias
        if here in seen:
            yield error(
                Code.RECORD_TO_NOWHERE,
                f"{name} is an alias that leads back to itself",
                (*path, "cname"),
                hint="name a node in one of the aliases",
            )
            return
        seen.add(here)
    if _served(server, here) and not _exists(server, here):
        yield error(
            Code.RECORD_TO_NOWHERE,
            f"{here} does not exist in its zone",
            (*path, "cname"),
            hint="name an existing record",
        )


def _alias(server: DnsNode, name: str) -> str | None:
    for origin, zone in server.records.items():
        for label, record in zone.items():
            if record.cname is not None and absolute_name(label, origin) == name:
                return alias_target(record.cname, origin, zone)
    return None


def _served(server: DnsNode, name: str) -> bool:
    return any(name == origin or name.endswith("." + origin) for origin in server.records)


def _exists(server: DnsNode, name: str) -> bool:
    names = {absolute_name(one, origin) for origin, zone in server.records.items() for one in zone}
    return source_of(name, names) is not None
