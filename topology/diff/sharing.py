"""Two topologies made of the same things where these are equal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from topology.resolve.types import ResolvedTopology

__all__ = ["sharing"]

T = TypeVar("T")


def sharing(topology: ResolvedTopology, other: ResolvedTopology) -> ResolvedTopology:
    """The topology, with the nodes, segments and statements of another one that are equal to its.

    It says the same. Whoever compares the two afterwards finds most of them to be the same
    object, and does not look into it.
    """
    return replace(
        topology,
        segments=_shared(topology.segments, other.segments),
        nodes=_shared(topology.nodes, other.nodes),
        statements=_shared(topology.statements, other.statements),
    )


def _shared(mine: Mapping[str, T], theirs: Mapping[str, T]) -> dict[str, T]:
    return {
        name: known if (known := theirs.get(name)) is not None and known == one else one
        for name, one in mine.items()
    }
