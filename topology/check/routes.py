"""Routes lead somewhere: known destinations over a forwarder on a shared segment."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic_core import PydanticCustomError

from topology.check.finding import error
from topology.diagnostics import Code, Diagnostic, Path, did_you_mean
from topology.model import Topology
from topology.model.base import parse_prefix
from topology.resolve import Names
from topology.resolve.names import DEFAULT
from topology.resolve.routes import destination_prefixes, shared_segments
from topology.resolve.types import Prefix

__all__ = ["routes"]


def routes(topology: Topology) -> Iterator[Diagnostic]:
    """Unknown destinations and next hops, and next hops that cannot serve."""
    names = Names(topology)
    for node, declared in topology.nodes.items():
        for destination, hop in (declared.routes or {}).items():
            path = ("nodes", node, "routes", destination)
            known = True
            for mistake in _destination(names, node, destination, path):
                known = False
                yield mistake
            yield from _hop(names, node, destination if known else None, hop, path)


def _destination(names: Names, node: str, destination: str, path: Path) -> Iterator[Diagnostic]:
    if destination == DEFAULT:
        return
    if "/" in destination:
        try:
            parse_prefix(destination)
        except PydanticCustomError as mistake:
            hint = str((mistake.context or {}).get("hint", ""))
            yield error(Code.BAD_VALUE, mistake.message(), path, hint=hint, on_key=True)
        return
    if not names.segments(destination):
        known = [DEFAULT, *names.zones, *names.topology.segments]
        what = (
            f"`{destination}` is a node"
            if names.is_node(destination)
            else (f"there is no segment or zone `{destination}`")
        )
        yield error(
            Code.UNKNOWN_NAME,
            what,
            path,
            on_key=True,
            hint=did_you_mean(destination, known, "destinations"),
        )
    elif not destination_prefixes(names, node, destination):
        yield error(
            Code.ROUTE_TO_NOWHERE,
            f"{node} is attached to {destination} itself",
            path,
            hint="remove the route",
            on_key=True,
        )


def _hop(
    names: Names, node: str, destination: str | None, hop: str, path: Path
) -> Iterator[Diagnostic]:
    topology = names.topology
    if hop not in topology.nodes:
        yield error(
            Code.UNKNOWN_NAME,
            f"there is no node `{hop}`",
            path,
            hint=did_you_mean(hop, _forwarders_beside(names, node), "next hops here"),
        )
        return
    shared = [s for s in shared_segments(topology, node, hop) if s in topology.segments]
    if not shared and not set(topology.nodes[node].interfaces) <= set(topology.segments):
        return  # the segment that is not there may have been the shared one
    if hop == node or not shared:
        what = f"{node} itself" if hop == node else f"{hop}, which is on no segment of {node}"
        yield error(
            Code.NEXT_HOP_ELSEWHERE,
            f"the next hop is {what}",
            path,
            hint=did_you_mean(hop, _forwarders_beside(names, node), "next hops here"),
        )
        return
    if not names.forwards(hop):
        yield error(
            Code.NEXT_HOP_NO_FORWARDER,
            f"{hop} is a node of kind {topology.nodes[hop].kind} and passes nothing on",
            path,
            hint=did_you_mean(hop, _forwarders_beside(names, node), "next hops here"),
        )
        return
    if destination is None:
        return
    wanted = {p.version for p in destination_prefixes(names, node, destination)}
    common = {
        prefix.version
        for segment in shared
        for prefix in _used(topology, node, segment) & _used(topology, hop, segment)
    }
    if not wanted & common:
        families = " and ".join(f"IPv{version}" for version in sorted(wanted))
        yield error(
            Code.ROUTE_TO_NOWHERE,
            f"{node} and {hop} share no {families} prefix",
            path,
            hint=f"give both an address of one {families} prefix on {shared[0]}",
        )


def _used(topology: Topology, node: str, segment: str) -> set[Prefix]:
    """The prefixes of a segment that the node has, or will have derived, an address of."""
    declared = topology.nodes[node].interfaces[segment].addresses
    prefixes = topology.segments[segment].prefixes
    return {p for p in prefixes if not declared or any(address in p for address in declared)}


def _forwarders_beside(names: Names, node: str) -> set[str]:
    segments = names.topology.nodes[node].interfaces
    beside = {n for segment in segments for n in names.attached.get(segment, ())} - {node}
    return {n for n in beside if names.forwards(n)}
