"""What a stack exports: where each node is, what it runs, and how to stand outside."""

from __future__ import annotations

from dataclasses import asdict

from topology.plan.types import Deployment, OutsideClient, PlannedDomain, PlannedSegment

__all__ = ["stack_outputs"]


def stack_outputs(deployment: Deployment, *, file: str) -> dict[str, object]:
    """A stack's outputs by name; digests are SHA-256 in hexadecimal."""
    return {
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
