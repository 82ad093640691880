"""Both sides planned, each node only where it can differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from topology.diff.deployment import Deployed, compare_deployments, deployed
from topology.diff.interruption import Standing, interruptions
from topology.diff.types import DeploymentDiff
from topology.errors import InvalidTopologyError
from topology.plan import PlanError, plan_as
from topology.plan.names import domain_name
from topology.plan.record import Record, StackSettings
from topology.plan.roles import roles_of
from topology.plan.types import ImageRef, Variant
from topology.resolve.types import Kind, ResolvedTopology

__all__ = ["compare_plans", "compare_with_record", "planned"]


def planned(
    resolved: ResolvedTopology,
    settings: StackSettings,
    images: Mapping[str, ImageRef],
    same: Mapping[str, str] | None = None,
) -> Deployed:
    """What a side would deploy; nodes in `same` are left out, since the other side has them too.

    Raises `PlanError` and `InvalidTopologyError` as `topology.plan.plan_as` does.
    """
    left = {name: node for name, node in resolved.nodes.items() if not (same and name in same)}
    deployment = plan_as(settings, replace(resolved, nodes=left), images)
    return deployed(deployment, same)


def compare_plans(
    old: Standing,
    new: ResolvedTopology,
    settings: StackSettings,
    images: tuple[Mapping[str, ImageRef], Mapping[str, ImageRef]],
    code: Mapping[str, str],
) -> DeploymentDiff:
    """What a stack with these settings would do when the new side follows the old one."""
    same = _plainly_same(old.topology, new, settings.variant, images)
    try:
        before = planned(old.topology, settings, images[0], same)
        after = planned(new, settings, images[1], same)
    except (InvalidTopologyError, PlanError) as error:
        return DeploymentDiff(settings.variant, (), (), problem=str(error))
    return interruptions(compare_deployments(before, after, code), old, new)


def compare_with_record(
    record: Record,
    deployed_names: frozenset[str],
    topology: ResolvedTopology | None,
    other: ResolvedTopology,
    images: Mapping[str, ImageRef],
    *,
    forward: bool = True,
) -> DeploymentDiff:
    """What deploying `other` over what a stack runs would do; backwards, the way from it back.

    `deployed_names` are the domains that the state has: what a deployment that did not finish
    left out is not there, whatever was recorded.
    """
    settings = record.settings
    try:
        after = planned(other, settings, images)
    except (InvalidTopologyError, PlanError) as error:
        return DeploymentDiff(settings.variant, (), (), problem=str(error))
    nodes = {
        name: node
        for name, node in record.nodes.items()
        if domain_name(settings.stack, name, node.digest) in deployed_names
    }
    before = Deployed(settings.variant, nodes, record.segments)
    ordered = (before, after) if forward else (after, before)
    diff = compare_deployments(*ordered)
    if topology is None:
        return diff
    one, another = (topology, other) if forward else (other, topology)
    return interruptions(diff, Standing(one), another)


def _plainly_same(
    old: ResolvedTopology,
    new: ResolvedTopology,
    variant: Variant,
    images: tuple[Mapping[str, ImageRef], Mapping[str, ImageRef]],
) -> dict[str, str]:
    """The kinds of the deployed nodes whose plan has equal inputs on both sides."""
    if old.name != new.name:
        return {}
    segments = {name for name, segment in old.segments.items() if new.segments.get(name) == segment}
    roles = {role for role, image in images[0].items() if images[1].get(role) == image}
    kinds = {kind for kind in Kind if roles_of((kind,), variant) <= roles}
    return {
        name: node.kind.value
        for name, node in old.nodes.items()
        if node.deployed
        and node.kind in kinds
        and new.nodes.get(name) == node
        and all(interface.segment in segments for interface in node.interfaces)
    }
