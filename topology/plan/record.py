"""What a stack keeps of its deployment, so that a diff can start from what is deployed.

The topology's source, so that both sides have lines; of content, whose bytes travel elsewhere,
digests; and of the plan what its digests cover. It is compressed text in the state of the stack's
fabric: its version stands outside, so that any later program can say what it meets.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

from topology.errors import TopologyError
from topology.plan.facts import content_digest, domain_facts, segment_facts
from topology.plan.types import (
    Accelerator,
    Deployment,
    ImageRef,
    ReplaceOrder,
    RootFilesystem,
    Variant,
)
from topology.platforms import ADAPTERS
from topology.render.config import Json, canonical
from topology.resolve.types import ResolvedTopology, Resource

__all__ = [
    "VERSION",
    "DeployedNode",
    "DeployedSegment",
    "Record",
    "RecordError",
    "StackSettings",
    "decode",
    "encode",
    "hashed",
    "nodes_of",
    "segments_of",
]

VERSION = 1


class RecordError(TopologyError):
    """A stack's record is none of this program's: `found` is its version, `None` if unreadable."""

    def __init__(self, message: str, found: int | None = None) -> None:
        super().__init__(message)
        self.found = found


@dataclass(frozen=True, slots=True)
class StackSettings:
    """What a plan was made with, beside the topology and the images."""

    stack: str
    variant: Variant
    accelerator: Accelerator
    rootfs: RootFilesystem
    consoles: str
    uplink: str | None = None


@dataclass(frozen=True, slots=True)
class DeployedNode:
    """A domain as it runs or would run: its digests, and what else it is made of.

    `firmware` is empty where it has none, or was deployed by a program that did not say.
    """

    node: str
    kind: str
    digest: str
    image: str
    facts: Mapping[str, str]
    order: ReplaceOrder = ReplaceOrder.CREATE_FIRST
    firmware: str = ""


@dataclass(frozen=True, slots=True)
class DeployedSegment:
    """A network as it is or would be."""

    segment: str
    generation: str
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Record:
    """A deployment, remembered. `resources` are those of each web node, bodies as digests."""

    settings: StackSettings
    file: str
    source: str
    resources: Mapping[str, tuple[Resource, ...]]
    nodes: Mapping[str, DeployedNode]
    segments: Mapping[str, DeployedSegment]

    @classmethod
    def of(
        cls,
        settings: StackSettings,
        deployment: Deployment,
        resolved: ResolvedTopology,
        *,
        file: str,
        source: str,
    ) -> Record:
        """The record of a deployment; `source` is the text of the topology's `file`."""
        nodes = hashed(resolved).nodes.values()
        return cls(
            settings,
            file,
            source,
            {node.name: node.resources for node in nodes if node.resources},
            nodes_of(deployment),
            segments_of(deployment),
        )

    def images(self) -> dict[str, ImageRef]:
        """What runs by role, of which nothing but the digest is known."""
        variant = self.settings.variant
        firmware = ADAPTERS[variant].firmware
        digests = {}
        for node in self.nodes.values():
            digests[node.kind] = node.image
            if firmware and node.firmware:
                digests[firmware] = node.firmware
        return {
            role: ImageRef(role, variant, digest, 0, Path()) for role, digest in digests.items()
        }


def nodes_of(deployment: Deployment) -> dict[str, DeployedNode]:
    """The domains of a plan by node."""
    return {
        one.node: DeployedNode(
            one.node,
            one.kind,
            one.digest,
            one.image.digest,
            domain_facts(one),
            one.replace,
            one.firmware_digest,
        )
        for one in deployment.domains
    }


def segments_of(deployment: Deployment) -> dict[str, DeployedSegment]:
    """The networks of a plan by segment."""
    return {
        one.name: DeployedSegment(one.name, one.generation, segment_facts(one))
        for one in deployment.segments
    }


def hashed(resolved: ResolvedTopology) -> ResolvedTopology:
    """The same topology with a digest in place of every body."""
    nodes = {}
    for name, node in resolved.nodes.items():
        if node.resources:
            bodies = tuple(_hashed(resource) for resource in node.resources)
            nodes[name] = replace(node, resources=bodies)
        else:
            nodes[name] = node
    return replace(resolved, nodes=nodes)


def encode(record: Record) -> dict[str, object]:
    """A record as it is kept in a stack's state; equal records give equal text."""
    document = {
        "settings": asdict(record.settings),
        "file": record.file,
        "source": record.source,
        "resources": {
            node: [[one.path, one.media_type, one.body.decode()] for one in resources]
            for node, resources in record.resources.items()
        },
        "nodes": [asdict(one) for one in record.nodes.values()],
        "segments": [asdict(one) for one in record.segments.values()],
    }
    text = base64.b64encode(zlib.compress(canonical(cast("Json", document)), 9)).decode("ascii")
    return {"version": VERSION, "body": text}


def decode(kept: Mapping[str, object]) -> Record:
    """The record that `encode` made; raises `RecordError` for any other version, or none."""
    version = kept.get("version")
    # Pulumi's wire format has floating point numbers only.
    found = int(version) if isinstance(version, int | float) else None
    if found != VERSION:
        raise RecordError(f"the record has format {version!r}, this program reads {VERSION}", found)
    try:
        document = json.loads(zlib.decompress(base64.b64decode(str(kept["body"]))))
        return _record(document)
    except (KeyError, TypeError, ValueError, zlib.error) as error:
        raise RecordError(f"the record cannot be read: {error}") from error


def _record(document: Mapping[str, object]) -> Record:
    settings, resources = _mapping(document["settings"]), _mapping(document["resources"])
    uplink = settings["uplink"]
    return Record(
        StackSettings(
            str(settings["stack"]),
            Variant(settings["variant"]),
            Accelerator(settings["accelerator"]),
            RootFilesystem(settings["rootfs"]),
            str(settings["consoles"]),
            None if uplink is None else str(uplink),
        ),
        str(document["file"]),
        str(document["source"]),
        {
            node: tuple(Resource(path, kind, body.encode()) for path, kind, body in listed)
            for node, listed in resources.items()
        },
        {one.node: one for one in map(_node, _listed(document["nodes"]))},
        {one.segment: one for one in map(_segment, _listed(document["segments"]))},
    )


def _node(entry: Mapping[str, object]) -> DeployedNode:
    return DeployedNode(
        str(entry["node"]),
        str(entry["kind"]),
        str(entry["digest"]),
        str(entry["image"]),
        _texts(entry["facts"]),
        ReplaceOrder(str(entry["order"])),
        str(entry.get("firmware", "")),
    )


def _segment(entry: Mapping[str, object]) -> DeployedSegment:
    return DeployedSegment(str(entry["segment"]), str(entry["generation"]), _texts(entry["facts"]))


def _hashed(resource: Resource) -> Resource:
    return replace(resource, body=content_digest(resource.body).encode())


def _texts(value: object) -> dict[str, str]:
    return {str(key): str(text) for key, text in _mapping(value).items()}


def _mapping(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError("a mapping was expected")
    return value


def _listed(value: object) -> list[Mapping[str, Any]]:
    if not isinstance(value, list):
        raise TypeError("a list was expected")
    return [_mapping(one) for one in value]
