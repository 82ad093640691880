"""A declared topology becomes a resolved one."""

from __future__ import annotations

from pathlib import Path

from topology.diagnostics import Diagnostic
from topology.model import (
    AnyNode,
    Dataplane,
    DnsNode,
    FirewallNode,
    Kind,
    RouterNode,
    Topology,
    WebNode,
)
from topology.resolve.addresses import address_key, assign_addresses, assign_macs
from topology.resolve.content import resolve_content
from topology.resolve.names import Names, zone_of
from topology.resolve.policies import prefixes_of, resolve_policy
from topology.resolve.records import resolve_zones
from topology.resolve.routes import Addresses, resolve_routes
from topology.resolve.statements import resolve_statements
from topology.resolve.types import (
    ResolvedInterface,
    ResolvedMetrics,
    ResolvedNode,
    ResolvedPolicy,
    ResolvedRoute,
    ResolvedSegment,
    ResolvedTopology,
    Resource,
    ReversePath,
)

__all__ = ["resolve"]


def resolve(topology: Topology, base: Path) -> tuple[ResolvedTopology | None, list[Diagnostic]]:
    """The resolved topology, or what only resolving can find wrong.

    `topology` has passed the checks of what is declared; `base` is the directory that content
    is relative to.
    """
    names = Names(topology)
    addresses, diagnostics = assign_addresses(topology)
    macs = assign_macs(topology)
    resources = {}
    for name, node in topology.nodes.items():
        if isinstance(node, WebNode):
            resources[name], mistakes = resolve_content(names, name, node, base)
            diagnostics.extend(mistakes)
    if diagnostics:
        return None, diagnostics
    routes = resolve_routes(names, addresses)
    nodes = {
        name: _node(names, addresses, macs, name, routes[name], resources.get(name, ()))
        for name in sorted(topology.nodes)
    }
    segments = {name: _segment(topology, name) for name in sorted(topology.segments)}
    return ResolvedTopology(topology.name, segments, nodes, resolve_statements(names)), []


def _segment(topology: Topology, name: str) -> ResolvedSegment:
    segment = topology.segments[name]
    prefixes = tuple(sorted(segment.prefixes, key=address_key))
    return ResolvedSegment(name, zone_of(topology, name), segment.host, segment.mtu, prefixes)


def _node(
    names: Names,
    addresses: Addresses,
    macs: dict[tuple[str, str], str],
    name: str,
    routes: tuple[ResolvedRoute, ...],
    resources: tuple[Resource, ...],
) -> ResolvedNode:
    topology, node = names.topology, names.topology.nodes[name]
    memory, vcpus, dataplane = _machine(node)
    return ResolvedNode(
        name=name,
        kind=Kind(node.kind),
        host=node.host,
        interfaces=tuple(
            ResolvedInterface(
                segment=segment,
                zone=zone_of(topology, segment),
                mac=macs[name, segment],
                mtu=topology.segments[segment].mtu,
                addresses=addresses[name, segment],
            )
            for segment in sorted(node.interfaces)
        ),
        routes=routes,
        memory=memory,
        vcpus=vcpus,
        dataplane=dataplane,
        reverse_path=_reverse_path(node),
        resources=resources,
        zones=resolve_zones(names, addresses, name) if isinstance(node, DnsNode) else (),
        policy=_policy(names, addresses, name, node),
        rate_limit=node.rate_limit if isinstance(node, DnsNode) else None,
        metrics=_metrics(names, addresses) if isinstance(node, DnsNode | WebNode) else None,
    )


def _machine(node: AnyNode) -> tuple[int | None, int, Dataplane]:
    if isinstance(node, RouterNode | FirewallNode):
        return node.memory, node.vcpus, Dataplane(node.dataplane)
    if isinstance(node, WebNode | DnsNode):
        return node.memory, node.vcpus, Dataplane.KERNEL
    return None, 1, Dataplane.KERNEL


def _reverse_path(node: AnyNode) -> ReversePath:
    if isinstance(node, RouterNode | FirewallNode):
        return ReversePath(node.reverse_path)
    return ReversePath.STRICT


def _metrics(names: Names, addresses: Addresses) -> ResolvedMetrics | None:
    declared = names.topology.management
    if declared is None:
        return None
    found = {p for source in declared.sources for p in prefixes_of(names, addresses, source)}
    return ResolvedMetrics(declared.port, tuple(sorted(found, key=address_key)))


def _policy(names: Names, addresses: Addresses, name: str, node: AnyNode) -> ResolvedPolicy | None:
    if isinstance(node, FirewallNode):
        return resolve_policy(names, addresses, name, node.policy)
    return None
