"""What a node needs to be realised, whatever its variant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pulumi

from components.image import Image, ImageArgs
from topology.plan.types import PlannedDomain, ReplaceOrder

__all__ = ["NodeArgs", "config_image", "delete_first"]


@dataclass(frozen=True, slots=True)
class NodeArgs:
    """A planned domain, and what others made for it.

    `document` is a local file with the domain's configuration; `image` and `firmware` are the
    paths of its images on libvirt's host; `networks` are the identities of its segments' networks,
    by segment, but for uplinks.
    `uri` is libvirt's, `hooks` clear what stands in the way of a create.
    """

    domain: PlannedDomain
    document: Path
    pool: pulumi.Input[str]
    image: pulumi.Input[str]
    firmware: pulumi.Input[str] | None
    networks: Mapping[str, pulumi.Input[str]]
    uri: str
    hooks: pulumi.ResourceHookBinding | None = None


def config_image(name: str, args: NodeArgs, parent: pulumi.Resource) -> Image:
    """The volume with a node's configuration document."""
    digest = args.domain.config_digest
    return Image(
        f"{name}-config-{digest[:12]}",
        ImageArgs(f"config-{args.domain.node}", digest, args.document, args.pool),
        pulumi.ResourceOptions(parent=parent),
    )


def delete_first(domain: PlannedDomain) -> bool:
    """The plan's order of replacement as Pulumi's option."""
    return domain.replace is ReplaceOrder.DELETE_FIRST
