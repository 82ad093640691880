"""What a structural diff does to nodes and segments, for whoever draws them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from topology.diff.types import Change, StructureChange, Thing

__all__ = ["Marks", "structure_marks"]

_OWNED = (Thing.INTERFACE, Thing.ROUTE, Thing.RECORD, Thing.RESOURCE)


@dataclass(frozen=True, slots=True)
class Marks:
    """`ADDED`, `REMOVED` or `CHANGED`, by the name on the new side (the old one of what is gone).

    A node is changed with what is its own; a policy, by its name, with its rules.
    """

    nodes: Mapping[str, Change]
    segments: Mapping[str, Change]
    policies: Mapping[str, Change]


def structure_marks(changes: Iterable[StructureChange]) -> Marks:
    """The marks of all changes; what only follows another change is none."""
    nodes: dict[str, Change] = {}
    segments: dict[str, Change] = {}
    policies: dict[str, Change] = {}
    for change in changes:
        if change.change is Change.FOLLOWS:
            continue
        whole = change.change if change.change in (Change.ADDED, Change.REMOVED) else Change.CHANGED
        if change.thing is Thing.SEGMENT:
            segments[change.name] = whole
        elif change.thing is Thing.NODE:
            nodes[change.name] = whole
        elif change.thing in _OWNED:
            nodes[change.name.partition("/")[0]] = Change.CHANGED
        elif change.thing is Thing.POLICY:
            policies[change.name] = whole
        elif change.thing is Thing.RULE:
            policies.setdefault(change.name.partition("/")[0], Change.CHANGED)
    return Marks(nodes, segments, policies)
