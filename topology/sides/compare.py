"""The diff of two sides: what they declare, let through, deploy and state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

from topology.diagnostics import Path, display_path
from topology.diff.flows import flow_changes
from topology.diff.interruption import Standing
from topology.diff.plans import compare_plans, compare_with_record
from topology.diff.renames import Renames, find_renames
from topology.diff.scope import Scope
from topology.diff.sharing import sharing
from topology.diff.statements import statement_changes
from topology.diff.structure import structure
from topology.diff.types import DeploymentDiff, Diff, FlowDiff, StatementChange, StructureChange
from topology.diff.view import View
from topology.image import ImageError, lookup, project_root
from topology.plan import image_roles
from topology.plan.record import StackSettings
from topology.plan.settings import DEFAULT_CONSOLES
from topology.plan.types import Accelerator, ImageRef, RootFilesystem, Variant
from topology.reach.network import Network
from topology.sides.images import SideImages, Sources, images_of_today
from topology.sides.read import Side

__all__ = ["Choices", "ImagesOf", "compare"]


@dataclass(frozen=True, slots=True)
class Choices:
    """What a diff is told beside its sides: variants (`None`: all), whose images are meant."""

    variant: Variant | None = None
    images_of_today: bool = False


ImagesOf: TypeAlias = Callable[[Side, Side, Variant, Choices], SideImages]
"""The images of two sides in a variant, where neither is deployed."""


def compare(old: Side, new: Side, choices: Choices, images: ImagesOf | None = None) -> Diff:
    """Everything that differs; where a side is invalid, the structure as far as it goes.

    `images` says what the images of two sides are; by default their sources are looked at.
    """
    notes: list[str] = []
    new = _sharing(new, old)
    for side in (old, new):
        if side.unread:
            notes.append(
                f"{side.label}: left out, since it cannot be read: "
                + ", ".join(map(display_path, side.unread))
            )
        elif side.view is None:
            notes.append(f"{side.label} cannot be read at all")
    renames = Renames()
    changes: tuple[StructureChange, ...] = ()
    if old.view is not None and new.view is not None:
        mine, theirs = _without(old.view, new.unread), _without(new.view, old.unread)
        renames = find_renames(mine, theirs)
        changes = structure(mine, theirs, renames)
    deployments: tuple[DeploymentDiff, ...] = ()
    flows: tuple[FlowDiff, ...] | None = None
    statements: tuple[StatementChange, ...] | None = None
    if old.view and new.view and old.view.resolved and new.view.resolved:
        with Sources(old.revision, new.revision) as sources:
            told = images or partial(_images, sources)
            deployments = tuple(_deployments(old, new, choices, notes, told))
        networks = (Network(old.view.resolved), Network(new.view.resolved))
        scope = Scope.of(*networks, renames)
        flows = flow_changes(old.view, new.view, renames, networks, scope)
        statements = statement_changes(old.view, new.view, renames, networks, scope)
    return Diff(
        old=old.label,
        new=new.label,
        topology=next((side.view.declared.name for side in (new, old) if side.view), ""),
        structure=changes,
        flows=flows,
        deployments=deployments,
        statements=statements,
        diagnostics=(old.diagnostics, new.diagnostics),
        notes=tuple(notes),
    )


def _sharing(side: Side, other: Side) -> Side:
    """A side that consists of the other's nodes where they are equal."""
    if not (side.view and side.view.resolved and other.view and other.view.resolved):
        return side
    whole, mine, theirs = side.whole, side.view.resolved, other.view.resolved
    if whole and other.whole:
        whole = sharing(whole, other.whole)
        # What a view has in the place of a node follows from the node: the same of the same.
        same = {name for name, node in whole.nodes.items() if node is other.whole.nodes.get(name)}
        nodes = {name: (theirs if name in same else mine).nodes[name] for name in whole.nodes}
        mine = replace(whole, nodes=nodes)
    else:
        mine = sharing(mine, theirs)
    return replace(side, view=replace(side.view, resolved=mine), whole=whole)


def _without(view: View, unread: Iterable[Path]) -> View:
    """A side without what could not be read of the other: nobody knows whether that differs."""
    declared = view.declared
    for path in unread:
        section = getattr(declared, str(path[0]), None)
        if len(path) == 2 and isinstance(section, Mapping):
            left = {name: value for name, value in section.items() if name != path[1]}
            declared = declared.model_copy(update={str(path[0]): left})
    if declared is view.declared:
        return view
    return replace(view, declared=declared, resolved=None)


def _deployments(
    old: Side, new: Side, choices: Choices, notes: list[str], images_of: ImagesOf
) -> Iterator[DeploymentDiff]:
    records = [side.record for side in (old, new) if side.record is not None]
    assert old.view is not None
    assert new.view is not None
    assert old.view.resolved is not None
    assert new.view.resolved is not None
    if len(records) == 2:
        notes.append("two stacks: nothing of one is deployed over the other")
        return
    if not records:
        assert old.whole is not None
        assert new.whole is not None
        standing = Standing(old.whole)
        for variant in Variant if choices.variant is None else (choices.variant,):
            images = images_of(old, new, variant, choices)
            notes.extend(images.notes)
            yield compare_plans(
                standing, new.whole, _settings(variant), (images.old, images.new), images.code
            )
        return
    (record,) = records
    forward = old.record is not None
    deployed, other = (old, new) if forward else (new, old)
    assert deployed.view is not None
    assert other.whole is not None
    if choices.variant not in (None, record.settings.variant):
        notes.append(f"{deployed.label} runs {record.settings.variant.value} only")
    refs = _stored(other, record.settings.variant, notes)
    if choices.images_of_today:
        refs |= record.images()
    yield compare_with_record(
        record, deployed.domains, deployed.view.resolved, other.whole, refs, forward=forward
    )


def _images(
    sources: Sources, old: Side, new: Side, variant: Variant, choices: Choices
) -> SideImages:
    assert old.whole is not None
    assert new.whole is not None
    roles = image_roles(old.whole, variant) | image_roles(new.whole, variant)
    if choices.images_of_today:
        return images_of_today(variant, roles)
    return sources.images(variant, roles)


def _stored(side: Side, variant: Variant, notes: list[str]) -> dict[str, ImageRef]:
    """The images of a side as they would be deployed, or what stands for those not built."""
    assert side.whole is not None
    roles = image_roles(side.whole, variant)
    try:
        found = lookup(variant, roles, root=project_root())
    except ImageError as error:
        notes.append(f"images are not known: {error.message}")
        found = {}
    missing = sorted(roles - found.keys())
    if missing:
        notes.append(
            f"images of {', '.join(missing)} are not built, and taken to be others than those "
            f"that run; to know: topology images --variant {variant.value} --build"
        )
    return found | dict(images_of_today(variant, missing).new)


def _settings(variant: Variant) -> StackSettings:
    """What a stack has that was told nothing."""
    return StackSettings(
        variant.value, variant, Accelerator.KVM, RootFilesystem.FILE, DEFAULT_CONSOLES
    )
