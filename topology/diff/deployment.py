"""What deploying one side over the other does: created, replaced, destroyed, untouched, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from topology.diff.types import Action, DeploymentDiff, NodeAction, Reason, SegmentAction, Step
from topology.plan.names import PREFIX
from topology.plan.record import DeployedNode, DeployedSegment, nodes_of, segments_of
from topology.plan.types import Deployment, ReplaceOrder, Variant
from topology.platforms.types import FIRMWARE

__all__ = ["Deployed", "compare_deployments", "deployed"]

_CODE = "code"
_NETWORK = "network of "
_OF_AN_INTERFACE = ("MAC on", "MTU on", "addresses on", "link of", "zone of")


@dataclass(frozen=True, slots=True)
class Deployed:
    """Nodes and segments by name; `same` names nodes that are known to be the other side's."""

    variant: Variant
    nodes: Mapping[str, DeployedNode]
    segments: Mapping[str, DeployedSegment]
    same: Mapping[str, str] = field(default_factory=dict)


def deployed(deployment: Deployment, same: Mapping[str, str] | None = None) -> Deployed:
    """A plan as it would run; `same` is the kind of each node that was left out of it."""
    return Deployed(deployment.variant, nodes_of(deployment), segments_of(deployment), same or {})


def compare_deployments(
    old: Deployed, new: Deployed, code: Mapping[str, str] | None = None
) -> DeploymentDiff:
    """Node by node what is done; `code` says of a kind what of its image's sources differs.

    A node is replaced when its digest differs, and for no other reason: so does Pulumi's program,
    whose names carry the digest.
    """
    nodes = tuple(_nodes(old, new, code or {}))
    segments = tuple(_segments(old, new))
    return DeploymentDiff(new.variant, segments, nodes, tuple(_steps(nodes, segments)))


def _nodes(old: Deployed, new: Deployed, code: Mapping[str, str]) -> Iterator[NodeAction]:
    for name in sorted({*old.nodes, *new.nodes, *new.same}):
        before, after = old.nodes.get(name), new.nodes.get(name)
        if name in new.same:
            yield NodeAction(name, new.same[name], Action.KEEP)
        elif after is None:
            assert before is not None
            yield NodeAction(name, before.kind, Action.DESTROY)
        elif before is None:
            yield NodeAction(name, after.kind, Action.CREATE)
        elif before.digest == after.digest:
            yield NodeAction(name, after.kind, Action.KEEP)
        else:
            reasons = tuple(_reasons(before, after, code))
            yield NodeAction(name, after.kind, Action.REPLACE, reasons, after.order)


def _reasons(old: DeployedNode, new: DeployedNode, code: Mapping[str, str]) -> Iterator[Reason]:
    found = 0
    images = (
        ("image", new.kind, old.image, new.image),
        (FIRMWARE, FIRMWARE, old.firmware, new.firmware),
    )
    for name, role, was, becomes in images:
        if was != becomes:
            found += 1
            told = code.get(role, "")
            yield Reason(_CODE, "", told) if told else Reason(name, was[:PREFIX], becomes[:PREFIX])
    for reason in _differing(old.facts, new.facts):
        found += 1
        yield reason
    if not found:
        yield Reason("plan", "", "made by another version of this program")


def _differing(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Reason]:
    """Every fact that differs; an interface that comes or goes is one, whatever it consists of."""
    whole: set[str] = set()
    for name in sorted({*old, *new}):
        segment = name.removeprefix(_NETWORK)
        if segment == name or old.get(name) == new.get(name):
            continue
        if name in old and name in new:
            yield Reason(f"network {segment}", "", "replaced")
        else:
            addresses = f"addresses on {segment}"
            yield Reason(f"interface on {segment}", old.get(addresses, ""), new.get(addresses, ""))
            whole |= {f"{word} {segment}" for word in _OF_AN_INTERFACE}
    rules = "order of rules"
    for name in sorted({*old, *new} - whole, key=lambda one: (one == rules, one)):
        mine, theirs = old.get(name, ""), new.get(name, "")
        if mine == theirs or name.startswith(_NETWORK):
            continue
        if name == rules and _same_order(mine.split(", "), theirs.split(", ")):
            continue
        yield Reason(name, mine, theirs)


def _same_order(old: list[str], new: list[str]) -> bool:
    """Whether what both hold stands in one order: what came or went is told on its own."""
    return [one for one in old if one in set(new)] == [one for one in new if one in set(old)]


def _segments(old: Deployed, new: Deployed) -> Iterator[SegmentAction]:
    for name in sorted({*old.segments, *new.segments}):
        before, after = old.segments.get(name), new.segments.get(name)
        if after is None:
            yield SegmentAction(name, Action.DESTROY)
        elif before is None:
            yield SegmentAction(name, Action.CREATE)
        elif before.generation == after.generation:
            yield SegmentAction(name, Action.KEEP)
        else:
            reasons = tuple(_differing(before.facts, after.facts))
            other = (Reason("plan", "", "made by another version of this program"),)
            yield SegmentAction(name, Action.REPLACE, reasons or other)


def _steps(nodes: tuple[NodeAction, ...], segments: tuple[SegmentAction, ...]) -> Iterator[Step]:
    """The order of one `pulumi up`: what is new first, what is gone last."""
    networks = [one.segment for one in segments if one.action in (Action.CREATE, Action.REPLACE)]
    first = [
        one.node
        for one in nodes
        if one.action is Action.CREATE
        or (one.action is Action.REPLACE and one.order is ReplaceOrder.CREATE_FIRST)
    ]
    stopped = [
        one.node
        for one in nodes
        if one.action is Action.REPLACE and one.order is ReplaceOrder.DELETE_FIRST
    ]
    gone = [
        one.node
        for one in nodes
        if one.action is Action.DESTROY
        or (one.action is Action.REPLACE and one.order is ReplaceOrder.CREATE_FIRST)
    ]
    old = [one.segment for one in segments if one.action in (Action.DESTROY, Action.REPLACE)]
    for what, names in (
        ("create networks", networks),
        ("stop, then create", stopped),
        ("create beside what runs", first),
        ("remove the old generation", gone),
        ("remove networks", old),
    ):
        if names:
            yield Step(what, tuple(names))
