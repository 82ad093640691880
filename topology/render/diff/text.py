"""A diff for a terminal: signs say what colours say, so that it reads without them."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import TypeAlias

from topology.diff.types import (
    Action,
    Change,
    DeploymentDiff,
    Diff,
    FlowChange,
    FlowDiff,
    StatementChange,
    StructureChange,
    Verdict,
)
from topology.render.diff.escape import plain
from topology.render.diff.words import (
    diagnostic_lines,
    headline,
    interruption_text,
    listed,
    merged_deployments,
    node_text,
    place_text,
    reason_text,
    structure_lines,
    structure_title,
    verdict_text,
)

__all__ = ["Line", "Style", "diff_lines", "diff_text"]


class Style(StrEnum):
    """How a part of a line is meant to look."""

    ADDED = "added"
    BAD = "bad"
    CHANGED = "changed"
    DIM = "dim"
    GOOD = "good"
    HEAD = "head"
    PLAIN = "plain"
    REMOVED = "removed"


Line: TypeAlias = tuple[tuple[Style, str], ...]

_CHANGES = {Change.ADDED: Style.ADDED, Change.REMOVED: Style.REMOVED, Change.FOLLOWS: Style.DIM}
_ACTIONS = {
    Action.CREATE: Style.ADDED,
    Action.DESTROY: Style.REMOVED,
    Action.KEEP: Style.DIM,
    Action.REPLACE: Style.CHANGED,
}
_FLOWS = {FlowChange.OPENED: Style.ADDED, FlowChange.CLOSED: Style.REMOVED}


def diff_text(diff: Diff) -> str:
    """The whole diff without colour."""
    return "\n".join("".join(text for _, text in line) for line in diff_lines(diff)) + "\n"


def diff_lines(diff: Diff) -> Iterator[Line]:
    """The whole diff, line by line, foreign text made harmless."""
    for line in _lines(diff):
        yield tuple((style, plain(text)) for style, text in line)


def _lines(diff: Diff) -> Iterator[Line]:
    yield ((Style.HEAD, f"Topology {diff.topology}: {diff.old} → {diff.new}"),)
    yield from (((Style.PLAIN, f"  {phrase}"),) for phrase in headline(diff))
    for note in diff.notes:
        yield ((Style.DIM, f"  note: {note}"),)
    mistakes = diagnostic_lines(diff)
    if mistakes:
        yield ()
        yield ((Style.HEAD, "Diagnostics"),)
        yield from (((Style.BAD, f"  {line}"),) for line in mistakes)
    for name, lines in (
        ("Structure", _structure(diff.structure)),
        ("Flows", _flows(diff.flows)),
        ("Deployment", _deployment(diff.deployments)),
        ("Statements", _statements(diff.statements)),
    ):
        yield ()
        yield ((Style.HEAD, name),)
        yield from lines


def _structure(changes: tuple[StructureChange, ...]) -> Iterator[Line]:
    if not changes:
        yield from _nothing("the same")
    for change in changes:
        style = _CHANGES.get(change.change, Style.CHANGED)
        if change.meaning:
            style = Style.BAD
        head = f"  {change.change.symbol} {structure_title(change)}"
        yield (style, head), (Style.DIM, _at(place_text(change.old, change.new)))
        for text in structure_lines(change):
            yield ((style, f"      {text}"),)


def _flows(flows: tuple[FlowDiff, ...] | None) -> Iterator[Line]:
    if flows is None:
        yield from _nothing("not compared: a side is invalid")
        return
    if not flows:
        yield from _nothing("the same")
    for flow in flows:
        style = _FLOWS.get(flow.change, Style.CHANGED)
        ends = f"{listed(flow.sources)} → {listed(flow.destinations)}: {listed(flow.services)}"
        yield ((style, f"  {flow.change.symbol} {flow.change.value}  {ends}"),)
        for word, said, place in (
            ("was", flow.old, flow.old_at),
            ("now", flow.new, flow.new_at),
        ):
            if said:
                at = str(place) if place else ""
                yield (Style.PLAIN, f"      {word}: {said}"), (Style.DIM, _at(at))
        if flow.packet:
            yield ((Style.DIM, f"      such as {flow.packet}"),)


def _deployment(deployments: tuple[DeploymentDiff, ...]) -> Iterator[Line]:
    if not deployments:
        yield from _nothing("not compared")
    for deployment, variants in merged_deployments(deployments):
        yield ((Style.PLAIN, f"  {variants}"),)
        if deployment.problem:
            for line in deployment.problem.splitlines():
                yield ((Style.BAD, f"    {line}"),)
            continue
        yield from _actions(deployment)
        for number, step in enumerate(deployment.steps, 1):
            yield ((Style.PLAIN, f"    {number}. {step.what}: {listed(step.names)}"),)
        for one in deployment.interruptions:
            first, *rest = interruption_text(one)
            yield ((Style.CHANGED, f"    ! {first}"),)
            yield from (((Style.CHANGED, f"      {line}"),) for line in rest)


def _actions(deployment: DeploymentDiff) -> Iterator[Line]:
    for network in deployment.segments:
        if network.action is not Action.KEEP:
            sign = f"{network.action.symbol:<2}"
            done = {"create": "created", "replace": "replaced", "destroy": "destroyed"}
            text = f"    {sign} network {network.segment}: {done[network.action.value]}"
            yield ((_ACTIONS[network.action], text),)
            for reason in network.reasons:
                yield ((_ACTIONS[network.action], f"         {reason_text(reason)}"),)
    for node in deployment.nodes:
        if node.action is not Action.KEEP:
            sign = f"{node.action.symbol:<2}"
            style = _ACTIONS[node.action]
            yield ((style, f"    {sign} {node.node} ({node.kind}): {node_text(node)}"),)
            for reason in node.reasons:
                yield ((style, f"         {reason_text(reason)}"),)
    kept = deployment.names(Action.KEEP)
    if kept:
        yield ((Style.DIM, f"       untouched: {listed(kept)}"),)


def _statements(statements: tuple[StatementChange, ...] | None) -> Iterator[Line]:
    if statements is None:
        yield from _nothing("not compared: a side is invalid")
        return
    if not statements:
        yield from _nothing("none")
    for one in statements:
        if one.old is one.new and one.new in (Verdict.HOLDS, Verdict.SAME):
            continue
        style = Style.BAD if one.new is Verdict.BROKEN else Style.GOOD
        if one.new is Verdict.ABSENT:
            style = Style.REMOVED
        sign = "!" if one.new is Verdict.BROKEN else "-" if one.new is Verdict.ABSENT else "+"
        head = f"  {sign} {one.name}: {verdict_text(one)}"
        yield (style, head), (Style.DIM, _at(str(one.place or "")))
        yield ((Style.DIM, f"      {one.says}"),)
        if one.because:
            yield ((style, f"      {one.because}"),)
        if one.packet:
            yield ((style, f"      packet: {one.packet}"),)
        if one.path:
            yield ((style, f"      path: {' → '.join(one.path)}"),)
    held = [one.name for one in statements if one.old is one.new is Verdict.HOLDS]
    if held:
        yield ((Style.GOOD, f"    held before and after: {listed(held)}"),)
    same = sum(one.new is Verdict.SAME for one in statements)
    if same:
        yield ((Style.DIM, f"    out of the change's reach, not proved again: {same}"),)


def _nothing(text: str) -> Iterator[Line]:
    yield ((Style.DIM, f"    {text}"),)


def _at(place: str) -> str:
    return f"  [{place}]" if place else ""
