"""Why a resolved topology cannot be planned as asked: all reasons, not the first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from topology.plan.errors import Problem
from topology.plan.names import (
    LONGEST_INTERFACE_NAME,
    LONGEST_STACK_NAME,
    valid_interface,
    valid_stack,
)
from topology.plan.types import ImageRef
from topology.platforms.types import Adapter
from topology.resolve.types import ResolvedNode, ResolvedTopology


def problems(
    resolved: ResolvedTopology,
    *,
    stack: str,
    adapter: Adapter,
    images: Mapping[str, ImageRef],
    uplink: str | None,
    consoles: str,
) -> tuple[Problem, ...]:
    """Every reason why these inputs make no plan; empty when they do."""
    return (
        *_settings(resolved, stack=stack, uplink=uplink, consoles=consoles),
        *(
            problem
            for _, node in sorted(resolved.nodes.items())
            if node.deployed
            for problem in (
                *_fits(node, adapter),
                *_placed(node, resolved),
                *_imaged(node, adapter, images),
            )
        ),
    )


def outside_segments(resolved: ResolvedTopology) -> frozenset[str]:
    """The segments on which external nodes stand: those that an uplink can carry."""
    return frozenset(
        interface.segment
        for node in resolved.nodes.values()
        if not node.deployed
        for interface in node.interfaces
    )


def _settings(
    resolved: ResolvedTopology, *, stack: str, uplink: str | None, consoles: str
) -> Iterator[Problem]:
    if not valid_stack(stack):
        yield Problem(
            "stack",
            f"{stack!r} cannot name libvirt domains",
            f"use at most {LONGEST_STACK_NAME} letters, digits, '-', '_' or '.', "
            "beginning with a letter or a digit",
        )
    if not PurePosixPath(consoles).is_absolute():
        yield Problem(
            "consoles",
            f"{consoles!r} is not an absolute directory",
            "give the directory as libvirt's host sees it, from its root",
        )
    if uplink is None:
        return
    if not valid_interface(uplink):
        yield Problem(
            "uplink",
            f"{uplink!r} cannot be the name of a bridge",
            f"name an existing bridge: at most {LONGEST_INTERFACE_NAME} letters, digits, "
            "'-', '_' or '.'",
        )
    segments = sorted(outside_segments(resolved))
    if len(segments) != 1:
        where = ", ".join(segments) or "none"
        yield Problem(
            "uplink",
            f"it carries the segment of the external nodes, and there is not exactly one: {where}",
            "keep the external nodes on one segment, or set no uplink",
        )


def _fits(node: ResolvedNode, adapter: Adapter) -> Iterator[Problem]:
    variant = adapter.variant.value
    most = adapter.most_interfaces
    if not node.interfaces:
        # libvirt gives a container without an interface the host's network.
        yield Problem(
            f"nodes.{node.name}.interfaces",
            "a node without an interface is not deployed",
            "attach it to a segment",
        )
    if most is not None and len(node.interfaces) > most:
        yield Problem(
            f"nodes.{node.name}.interfaces",
            f"{len(node.interfaces)} interfaces, and {variant} nodes carry {most} at most",
            "spread the segments over more nodes",
        )
    if node.memory is not None and node.memory < adapter.least_memory:
        yield Problem(
            f"nodes.{node.name}.memory",
            f"{node.memory} MiB, and {variant} nodes need {adapter.least_memory} MiB at least",
            f"leave it out for {adapter.default_memory} MiB",
        )


def _placed(node: ResolvedNode, resolved: ResolvedTopology) -> Iterator[Problem]:
    for interface in node.interfaces:
        segment = resolved.segments[interface.segment]
        if segment.host != node.host:
            yield Problem(
                f"nodes.{node.name}.host",
                f"{node.host!r} is not the host of its segment {segment.name}, {segment.host!r}",
                "place the node on its segment's host: segments do not span hosts",
            )


def _imaged(
    node: ResolvedNode, adapter: Adapter, images: Mapping[str, ImageRef]
) -> Iterator[Problem]:
    image = images.get(node.kind.value)
    if image is None or image.variant is not adapter.variant:
        yield Problem(
            f"nodes.{node.name}",
            f"no {adapter.variant.value} image is given for the role {node.kind.value}",
            "build it with `topology images --build`",
        )


__all__ = ["outside_segments", "problems"]
