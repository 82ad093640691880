"""What is wrong with the settings of a plan: all of it, not the first mistake."""

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
from topology.plan.roles import image_roles
from topology.plan.types import ImageRef, Variant
from topology.resolve.types import ResolvedTopology

# libvirt's QEMU driver makes it when it starts.
DEFAULT_CONSOLES = "/var/log/libvirt/qemu"


def problems(
    resolved: ResolvedTopology,
    *,
    stack: str,
    variant: Variant,
    images: Mapping[str, ImageRef],
    uplink: str | None,
    consoles: str,
) -> tuple[Problem, ...]:
    """Every reason why these settings make no plan; empty when they do."""
    return (
        *_stack(stack),
        *_consoles(consoles),
        *(_uplink(uplink, resolved) if uplink is not None else ()),
        *_images(resolved, variant, images),
    )


def outside_segments(resolved: ResolvedTopology) -> frozenset[str]:
    """The segments on which external nodes stand: those that an uplink can carry."""
    return frozenset(
        interface.segment
        for node in resolved.nodes.values()
        if not node.deployed
        for interface in node.interfaces
    )


def _stack(stack: str) -> Iterator[Problem]:
    if not valid_stack(stack):
        yield Problem(
            "stack",
            f"{stack!r} cannot name libvirt domains",
            f"use at most {LONGEST_STACK_NAME} letters, digits, '-', '_' or '.', "
            "beginning with a letter or a digit",
        )


def _consoles(consoles: str) -> Iterator[Problem]:
    if not PurePosixPath(consoles).is_absolute():
        yield Problem(
            "consoles",
            f"{consoles!r} is not an absolute directory",
            "give the directory as libvirt's host sees it, from its root",
        )


def _uplink(uplink: str, resolved: ResolvedTopology) -> Iterator[Problem]:
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
            f"it carries the one segment of the external nodes, and here that is: {where}",
            "keep the external nodes on one segment, or set no uplink",
        )


def _images(
    resolved: ResolvedTopology, variant: Variant, images: Mapping[str, ImageRef]
) -> Iterator[Problem]:
    for role in sorted(image_roles(resolved, variant)):
        image = images.get(role)
        if image is None or image.variant is not variant:
            yield Problem(
                "images",
                f"there is no {variant.value} image for the role {role}",
                f"build it with `topology images --variant {variant.value} --build`",
            )


__all__ = ["DEFAULT_CONSOLES", "outside_segments", "problems"]
