"""Which images a deployment is made of."""

from __future__ import annotations

from collections.abc import Iterable

from topology.plan.types import Variant
from topology.platforms import ADAPTERS
from topology.resolve.types import Kind, ResolvedTopology

__all__ = ["image_roles", "roles_of"]


def image_roles(resolved: ResolvedTopology, variant: Variant) -> frozenset[str]:
    """The roles of the images that a variant of the topology needs."""
    return roles_of((node.kind for node in resolved.nodes.values() if node.deployed), variant)


def roles_of(kinds: Iterable[Kind], variant: Variant) -> frozenset[str]:
    """The roles of the images that nodes of these kinds need: one a kind, and the firmware."""
    roles = {kind.value for kind in kinds}
    firmware = ADAPTERS[variant].firmware
    return frozenset(roles | {firmware} if roles and firmware else roles)
