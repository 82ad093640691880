"""A resolved topology and a variant turned into a deployment: pure, deterministic, complete."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import PurePosixPath
from typing import cast

from topology.errors import InvalidTopologyError
from topology.plan.capacity import capacity
from topology.plan.errors import PlanError
from topology.plan.names import bridge_name, digest, domain_name, network_name
from topology.plan.record import StackSettings
from topology.plan.settings import outside_segments, problems
from topology.plan.types import (
    Accelerator,
    BootMethod,
    Deployment,
    ImageRef,
    OutsideClient,
    PlannedDomain,
    PlannedNic,
    PlannedRoute,
    PlannedSegment,
    ReplaceOrder,
    RootFilesystem,
    Variant,
)
from topology.platforms import ADAPTERS
from topology.platforms.types import Adapter, Boot, HostSettings
from topology.render.config import Json, address_order, route_order, service_config
from topology.resolve.types import (
    Kind,
    ResolvedInterface,
    ResolvedNode,
    ResolvedSegment,
    ResolvedTopology,
)

# A digest stands for what is made of the plan. Raise these when `components/` makes something
# else of the same plan, so that what runs is replaced under a new name instead of colliding.
DOMAIN_FORM = 1
SEGMENT_FORM = 1


def plan_as(
    settings: StackSettings, resolved: ResolvedTopology, images: Mapping[str, ImageRef]
) -> Deployment:
    """What a stack with these settings deploys; raises as `plan` does."""
    return plan(
        resolved,
        stack=settings.stack,
        variant=settings.variant,
        images=images,
        accelerator=settings.accelerator,
        rootfs=settings.rootfs,
        uplink=settings.uplink,
        consoles=settings.consoles,
    )


def plan(
    resolved: ResolvedTopology,
    *,
    stack: str,
    variant: Variant,
    images: Mapping[str, ImageRef],
    accelerator: Accelerator,
    rootfs: RootFilesystem,
    uplink: str | None = None,
    consoles: str,
) -> Deployment:
    """What a stack deploys; equal inputs give equal plans, whatever their order.

    `images` is keyed by role, which is a node's kind. `uplink` is an existing bridge to put the
    outside's segment on. `consoles` is the absolute directory, as libvirt's host sees it, in
    which every domain writes its log. Raises `PlanError` for what is wrong with the settings
    and `InvalidTopologyError` for nodes that the variant cannot carry.
    """
    found = problems(
        resolved, stack=stack, variant=variant, images=images, uplink=uplink, consoles=consoles
    )
    if found:
        raise PlanError(found)
    diagnostics = capacity(resolved, variant)
    if not diagnostics.ok:
        raise InvalidTopologyError(diagnostics)
    adapter = ADAPTERS[variant]
    host = HostSettings(accelerator=accelerator, rootfs=rootfs)
    uplinked = outside_segments(resolved) if uplink is not None else frozenset()
    segments = {
        name: _segment(segment, stack=stack, uplink=uplink if name in uplinked else None)
        for name, segment in sorted(resolved.segments.items())
    }
    deployed = [node for _, node in sorted(resolved.nodes.items()) if node.deployed]
    return Deployment(
        stack=stack,
        topology=resolved.name,
        variant=variant,
        segments=tuple(segments.values()),
        domains=tuple(
            _domain(
                node,
                topology=resolved.name,
                stack=stack,
                adapter=adapter,
                host=host,
                image=images[node.kind.value],
                firmware=images[adapter.firmware] if adapter.firmware else None,
                segments=segments,
                consoles=consoles,
            )
            for node in deployed
        ),
        outside=tuple(_outside(resolved, segments)),
    )


def _segment(segment: ResolvedSegment, *, stack: str, uplink: str | None) -> PlannedSegment:
    # Only what libvirt's network itself is made of: prefixes and zones are their nodes' affair,
    # and a guest whose address changes is replaced on the bridge that is there.
    generation = digest(
        {
            "form": SEGMENT_FORM,
            "stack": stack,
            "segment": segment.name,
            "host": segment.host,
            "mtu": segment.mtu,
            "uplink": uplink or "",
        }
    )
    return PlannedSegment(
        name=segment.name,
        host=segment.host,
        network=None if uplink else network_name(stack, segment.name, generation),
        bridge=uplink or bridge_name(generation),
        generation=generation,
        mtu=segment.mtu,
        uplink=uplink,
    )


def _domain(
    node: ResolvedNode,
    *,
    topology: str,
    stack: str,
    adapter: Adapter,
    host: HostSettings,
    image: ImageRef,
    firmware: ImageRef | None,
    segments: Mapping[str, PlannedSegment],
    consoles: str,
) -> PlannedDomain:
    config = service_config(node, topology=topology)
    config_digest = hashlib.sha256(config).hexdigest()
    memory = node.memory if node.memory is not None else adapter.default_memory
    boot = adapter.boot(node.kind, node.dataplane, host)
    nics = tuple(
        _nic(interface, node, segments[interface.segment])
        for interface in sorted(node.interfaces, key=lambda one: one.segment)
    )
    covered: dict[str, Json] = {
        "form": DOMAIN_FORM,
        "node": node.name,
        "kind": node.kind.value,
        "host": node.host,
        "image": image.digest,
        "config": config_digest,
        "memory": memory,
        "vcpus": node.vcpus,
        "boot": cast(Json, asdict(boot)),
        "nics": [cast(Json, asdict(nic)) for nic in nics],
        # The log's file name follows from the digest; its directory is part of the domain.
        "consoles": consoles,
    }
    if firmware:
        covered["firmware"] = firmware.digest
    generation = digest(covered)
    name = domain_name(stack, node.name, generation)
    return PlannedDomain(
        name=name,
        node=node.name,
        kind=node.kind.value,
        host=node.host,
        image=image,
        firmware=firmware,
        config=config,
        config_digest=config_digest,
        memory=memory,
        vcpus=node.vcpus,
        boot=boot,
        nics=nics,
        digest=generation,
        console=str(PurePosixPath(consoles) / f"{name}.log"),
        replace=_replace_order(boot),
    )


def _replace_order(boot: Boot) -> ReplaceOrder:
    # Two generations share nothing that only one can hold: names, logs and volumes carry
    # digests, images are read-only, and of two ports with one MAC the bridge follows the newer.
    # Creating first costs a quarter of a second of replies, deleting first a boot. A disk,
    # though, is written to and locked by the guest that runs on it.
    if boot.method is BootMethod.DISK:
        return ReplaceOrder.DELETE_FIRST
    return ReplaceOrder.CREATE_FIRST


def _nic(interface: ResolvedInterface, node: ResolvedNode, segment: PlannedSegment) -> PlannedNic:
    return PlannedNic(
        segment=segment.name,
        network=segment.network,
        bridge=segment.bridge,
        mac=interface.mac,
        addresses=_addresses(interface),
        routes=_routes(node, interface.segment),
    )


def _addresses(interface: ResolvedInterface) -> tuple[str, ...]:
    return tuple(str(one) for one in sorted(interface.addresses, key=address_order))


def _routes(node: ResolvedNode, segment: str) -> tuple[PlannedRoute, ...]:
    return tuple(
        PlannedRoute(prefix=str(one.prefix), via=str(one.via))
        for one in sorted(node.routes, key=route_order)
        if one.interface == segment
    )


def _outside(
    resolved: ResolvedTopology, segments: Mapping[str, PlannedSegment]
) -> Iterator[OutsideClient]:
    resolvers = _resolvers(resolved)
    for _, node in sorted(resolved.nodes.items()):
        if node.deployed:
            continue
        for interface in sorted(node.interfaces, key=lambda one: one.segment):
            yield OutsideClient(
                node=node.name,
                segment=interface.segment,
                bridge=segments[interface.segment].bridge,
                mac=interface.mac,
                addresses=_addresses(interface),
                routes=_routes(node, interface.segment),
                resolvers=resolvers,
            )


def _resolvers(resolved: ResolvedTopology) -> tuple[str, ...]:
    addresses = {
        address
        for node in resolved.nodes.values()
        if node.kind is Kind.DNS
        for interface in node.interfaces
        for address in interface.addresses
    }
    return tuple(str(one.ip) for one in sorted(addresses, key=address_order))


__all__ = ["DOMAIN_FORM", "SEGMENT_FORM", "plan"]
