"""What a stack exports: where each node is, what it runs, and how to stand outside.

And what it keeps for itself: a record of the topology, from which a later diff starts.
"""

from __future__ import annotations

from dataclasses import asdict

from components.settings import Settings
from topology.plan.record import Record, StackSettings, encode
from topology.plan.types import Deployment, OutsideClient, PlannedDomain, PlannedSegment
from topology.resolve.types import ResolvedTopology

__all__ = ["stack_outputs", "stack_record"]


def stack_record(
    settings: Settings, resolved: ResolvedTopology, deployment: Deployment
) -> dict[str, object]:
    """What is deployed, in the form that `topology diff stack:NAME` reads."""
    made_with = StackSettings(
        settings.stack,
        settings.variant,
        settings.accelerator,
        settings.rootfs,
        settings.consoles,
        settings.uplink,
    )
    source = settings.file.read_text(encoding="utf-8-sig")
    return encode(
        Record.of(made_with, deployment, resolved, file=str(settings.file), source=source)
    )


def stack_outputs(deployment: Deployment, *, file: str, uri: str) -> dict[str, object]:
    """A stack's outputs by name; digests are SHA-256 in hexadecimal.

    `uri` is the libvirt that it is deployed to, its QEMU driver's for both variants.
    """
    return {
        "libvirt": uri,
        "topology": deployment.topology,
        "file": file,
        "variant": deployment.variant.value,
        "nodes": {domain.node: _node(domain) for domain in deployment.domains},
        "segments": {segment.name: _segment(segment) for segment in deployment.segments},
        "outside": [_outside(client) for client in deployment.outside],
    }


def _node(domain: PlannedDomain) -> dict[str, object]:
    return {
        "domain": domain.name,
        "kind": domain.kind,
        "addresses": [
            address.partition("/")[0] for nic in domain.nics for address in nic.addresses
        ],
        "image": domain.image.digest,
        "firmware": domain.firmware_digest,
        "config": domain.config_digest,
        "digest": domain.digest,
        "console": domain.console,
    }


def _segment(segment: PlannedSegment) -> dict[str, object]:
    return {"network": segment.network, "bridge": segment.bridge, "mtu": segment.mtu}


def _outside(client: OutsideClient) -> dict[str, object]:
    return {
        "node": client.node,
        "segment": client.segment,
        "bridge": client.bridge,
        "mac": client.mac,
        "addresses": list(client.addresses),
        "routes": [asdict(route) for route in client.routes],
        "resolvers": list(client.resolvers),
    }
