"""A whole deployment: a pool, the images, the segments and the nodes of one stack."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import pulumi
import pulumi_libvirt as lv

from components.hooks import domain_hooks, network_hooks, pool_hooks
from components.image import Image, ImageArgs
from components.node import NodeArgs
from components.segment import Segment, SegmentArgs
from topology.plan.types import Deployment, Variant

if TYPE_CHECKING:
    from components.container import Container
    from components.unikernel import Unikernel

__all__ = ["Fabric", "FabricArgs"]

_POOLS = PurePosixPath("/var/lib/libvirt/topology")
_LONGEST_DIRECTORY = 15


@dataclass(frozen=True, slots=True)
class FabricArgs:
    """The plan, where libvirt is, and how a configuration document becomes a local file.

    `record` is kept in the state once everything is made; an export would be printed each time.
    """

    deployment: Deployment
    uri: str
    document: Callable[[bytes], Path]
    record: Mapping[str, object] = field(default_factory=dict)


class Fabric(pulumi.ComponentResource):
    """Everything that a stack deploys; named by its stack, its children by the plan's names."""

    def __init__(
        self, name: str, args: FabricArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("topology:components:Fabric", name, {}, opts)
        deployment = args.deployment
        provider = lv.Provider(
            f"{name}-libvirt", uri=args.uri, opts=pulumi.ResourceOptions(parent=self)
        )
        child = pulumi.ResourceOptions(parent=self, providers=[provider])
        # One pool a stack: a volume of the same name in a shared one would be overwritten, and
        # deleted under the other stack's guests.
        pool = lv.Pool(
            f"{name}-pool",
            name=f"topology-{deployment.stack}",
            type="dir",
            target=lv.PoolTargetArgs(path=str(_POOLS / _short(deployment.stack))),
            opts=pulumi.ResourceOptions(
                parent=self,
                provider=provider,
                delete_before_replace=True,
                hooks=pool_hooks(args.uri),
            ),
        )
        images = {
            image.digest: Image(
                f"{name}-image-{image.role}-{image.digest[:12]}",
                ImageArgs(image.role, image.digest, image.path, pool.name),
                child,
            )
            for image in sorted(
                {one for domain in deployment.domains for one in domain.images},
                key=lambda one: one.digest,
            )
        }
        clearing = network_hooks(args.uri)
        segments = {
            segment.name: Segment(f"{name}-{segment.name}", SegmentArgs(segment, clearing), child)
            for segment in deployment.segments
        }
        networks = {
            segment: made.network_id
            for segment, made in segments.items()
            if made.network_id is not None
        }
        realise = _realisation(deployment.variant)
        hooks = domain_hooks(args.uri) if deployment.variant is Variant.UNIKERNEL else None
        # Not declared in the class: Pulumi evaluates a class's annotations to find its outputs.
        self.nodes: Mapping[str, Unikernel | Container] = {
            domain.node: realise(
                f"{name}-{domain.node}",
                NodeArgs(
                    domain=domain,
                    document=args.document(domain.config),
                    pool=pool.name,
                    image=images[domain.image.digest].path,
                    firmware=images[domain.firmware.digest].path if domain.firmware else None,
                    networks=networks,
                    uri=args.uri,
                    hooks=hooks,
                ),
                child,
            )
            for domain in deployment.domains
        }
        uuids = {node: made.uuid for node, made in self.nodes.items()}
        self.register_outputs({"nodes": uuids, "record": args.record})


def _realisation(variant: Variant) -> type[Unikernel] | type[Container]:
    """The component of a variant; only the one that is needed is imported."""
    if variant is Variant.CONTAINERS:
        from components.container import Container

        return Container
    from components.unikernel import Unikernel

    return Unikernel


def _short(stack: str) -> str:
    """A directory for a stack: with it, a volume's path has at most 63 characters."""
    if len(stack) <= _LONGEST_DIRECTORY:
        return stack
    return f"{stack[:6]}-{hashlib.sha256(stack.encode()).hexdigest()[:8]}"
