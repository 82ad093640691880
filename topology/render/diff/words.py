"""What a diff says, in the words that every format shares."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from topology.diff.types import (
    Action,
    Change,
    DeploymentDiff,
    Diff,
    FieldChange,
    FlowChange,
    Interruption,
    NodeAction,
    Place,
    Reason,
    StatementChange,
    StructureChange,
    Verdict,
)
from topology.plan.types import ReplaceOrder

__all__ = [
    "ORDERS",
    "diagnostic_lines",
    "field_text",
    "headline",
    "interruption_text",
    "listed",
    "merged_deployments",
    "node_text",
    "place_text",
    "reason_text",
    "structure_lines",
    "structure_title",
    "verdict_text",
]

_MISTAKES = 100
_DONE = {
    Action.CREATE: "created",
    Action.REPLACE: "replaced",
    Action.DESTROY: "destroyed",
    Action.KEEP: "untouched",
}
ORDERS = {
    ReplaceOrder.CREATE_FIRST: "created before the old one goes",
    ReplaceOrder.DELETE_FIRST: "stopped before the new one comes",
}
"""The orders of a replacement, for a reader."""


def listed(names: Iterable[str], most: int = 12) -> str:
    """Names in a row, a count in place of many.

    >>> listed(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    every = list(names)
    rest = len(every) - most
    return ", ".join(every[:most]) + (f" and {rest} more" if rest > 0 else "")


def headline(diff: Diff) -> tuple[str, ...]:
    """The answer in a few phrases: what opens, what is replaced, whether statements hold."""
    phrases = []
    if diff.flows is not None:
        counts = [
            f"{sum(one.change is change for one in diff.flows)} {change.value}"
            for change in FlowChange
            if any(one.change is change for one in diff.flows)
        ]
        phrases.append("flows: " + ", ".join(counts) if counts else "no flow opens or closes")
    for deployment, variants in merged_deployments(diff.deployments):
        where = f" ({variants})" if len(diff.deployments) > 1 else ""
        if deployment.problem:
            phrases.append(f"cannot be deployed{where}")
            continue
        done = [
            f"{names} {_DONE[action]}"
            for action in (Action.CREATE, Action.REPLACE, Action.DESTROY)
            if (names := listed(deployment.names(action), 6))
        ]
        where = "" if len(merged_deployments(diff.deployments)) == 1 else where
        phrases.append(("; ".join(done) if done else "every node is untouched") + where)
    if diff.statements is not None:
        broken = [one.name for one in diff.statements if one.new is Verdict.BROKEN]
        holding = sum(one.new is Verdict.HOLDS for one in diff.statements)
        if broken:
            phrases.append(f"broken: {listed(broken, 6)}")
        elif holding and not any(one.new is Verdict.SAME for one in diff.statements):
            phrases.append("every statement holds" if holding > 1 else "the statement holds")
    return tuple(phrases)


def diagnostic_lines(diff: Diff) -> tuple[str, ...]:
    """The mistakes of the sides, a line each, the first hundred and a count."""
    every = [str(one) for diagnostics in diff.diagnostics for one in diagnostics]
    more = [f"… and {len(every) - _MISTAKES} more"] if len(every) > _MISTAKES else []
    return (*every[:_MISTAKES], *more)


def structure_title(change: StructureChange) -> str:
    """A change in one line, its fields left out."""
    title = f"{change.thing.value} {change.name}".rstrip()
    match change.change:
        case Change.RENAMED:
            title += f" (was {change.was})"
        case Change.MOVED if change.was:
            title += f" (moved from {change.was})"
        case Change.MOVED:
            title += " moved"
        case Change.FOLLOWS:
            title += " follows"
    return f"{title}: {change.remark}" if change.remark else title


def field_text(field: FieldChange) -> str:
    """A field's change in one line."""
    if field.old and field.new:
        return f"{field.field}: {field.old} → {field.new}"
    return f"{field.field}: {field.old} → none" if field.old else f"{field.field}: {field.new}"


def structure_lines(change: StructureChange) -> tuple[str, ...]:
    """The fields of a change, a line each."""
    if change.change is Change.REMOVED:
        return tuple(f"{field.field}: {field.old}" for field in change.fields)
    return tuple(map(field_text, change.fields))


def place_text(old: Place | None, new: Place | None) -> str:
    """Where something stands, on the sides that have it."""
    if old is None or new is None:
        return str(old or new or "")
    return f"{old} → {new}"


def node_text(action: NodeAction) -> str:
    """What happens to a node."""
    done = _DONE[action.action]
    if action.action is Action.REPLACE and action.order is not None:
        return f"{done}, {ORDERS[action.order]}"
    return done


def reason_text(reason: Reason) -> str:
    """One reason of a replacement."""
    return field_text(FieldChange(reason.field, reason.old, reason.new))


def interruption_text(one: Interruption) -> tuple[str, ...]:
    """Who is without what, and how long."""
    lines = []
    how_long = f"about {one.seconds:g} s" if one.seconds else "for good"
    if one.clients:
        lines.append(f"{one.node} does not answer, {how_long}: {listed(one.clients)}")
    else:
        lines.append(f"{one.node} is away {how_long}")
    if one.between:
        sides = " | ".join("+".join(group) for group in one.between)
        lines.append(f"nothing passes between {sides}")
    if one.cut_off:
        lines.append(f"untouched and cut off: {listed(one.cut_off)}")
    if one.flows:
        lines.append(f"interrupted on the way: {listed(one.flows)}")
    if one.remark and one.remark != how_long:
        lines.append(one.remark)
    return tuple(lines)


def merged_deployments(
    deployments: Iterable[DeploymentDiff],
) -> tuple[tuple[DeploymentDiff, str], ...]:
    """Deployments with the variants that each holds for: those that do the same are one."""
    groups: list[tuple[DeploymentDiff, list[str]]] = []
    for one in deployments:
        for known, variants in groups:
            if replace(known, variant=one.variant) == one:
                variants.append(one.variant.value)
                break
        else:
            groups.append((one, [one.variant.value]))
    return tuple((known, " and ".join(sorted(variants))) for known, variants in groups)


def verdict_text(one: StatementChange) -> str:
    """What became of a statement."""
    if one.newly_broken:
        return "newly broken" if one.old is Verdict.HOLDS else "new, and broken"
    return {
        (Verdict.BROKEN, Verdict.BROKEN): "broken before and after",
        (Verdict.BROKEN, Verdict.HOLDS): "mended",
        (Verdict.ABSENT, Verdict.HOLDS): "new, and holds",
        (Verdict.HOLDS, Verdict.ABSENT): "no longer stated; it held",
        (Verdict.BROKEN, Verdict.ABSENT): "no longer stated; it was broken",
        (Verdict.SAME, Verdict.SAME): "out of the change's reach",
    }.get((one.old, one.new), "holds before and after")
