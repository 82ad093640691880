"""A picture's content from a topology, or from two of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from topology.diff.marks import Marks, structure_marks
from topology.diff.renames import Renames, find_renames
from topology.diff.structure import structure
from topology.diff.types import Change
from topology.diff.view import View
from topology.model import Topology
from topology.resolve.types import (
    ResolvedInterface,
    ResolvedNode,
    ResolvedSegment,
    ResolvedTopology,
)
from topology.scene.flows import Opened, Pair, compared_lanes, flows_of, lanes, service_labels
from topology.scene.types import Mark, Scene, SceneInterface, SceneNode, SceneSegment

__all__ = ["compared_scene", "scene"]

_MARKS: Mapping[Change | None, Mark] = {
    None: Mark.SAME,
    Change.ADDED: Mark.ADDED,
    Change.CHANGED: Mark.CHANGED,
    Change.REMOVED: Mark.REMOVED,
}


def scene(
    topology: ResolvedTopology, declared: Topology, pairs: Mapping[Pair, Opened] | None = None
) -> Scene:
    """What a picture of one topology shows; `pairs` are its flows where they are known already."""
    if pairs is None:
        pairs = flows_of(topology)
    return Scene(
        topology.name,
        {name: _segment(segment) for name, segment in topology.segments.items()},
        {name: _node(node) for name, node in topology.nodes.items()},
        lanes(pairs, service_labels(declared)),
    )


def compared_scene(old: View, new: View, pairs: Mapping[Pair, Opened] | None = None) -> Scene:
    """What a picture of two valid topologies shows, by the names of the new one.

    Raises `ValueError` when a side is not resolved.
    """
    if old.resolved is None or new.resolved is None:
        raise ValueError("a side is invalid")
    renames = find_renames(old, new)
    marks = structure_marks(structure(old, new, renames))
    if pairs is None:
        pairs = flows_of(new.resolved)
    before = {
        (renames.node(source), renames.node(destination)): Opened(
            opened.cell,
            frozenset((renames.node(node), renames.segment(s)) for node, s in opened.links),
        )
        for (source, destination), opened in flows_of(old.resolved).items()
    }
    return Scene(
        new.resolved.name,
        _segments(old.resolved, new.resolved, renames, marks),
        _nodes(old.resolved, new.resolved, renames, marks),
        compared_lanes(before, pairs, service_labels(old.declared) | service_labels(new.declared)),
        old.label,
        new.label,
    )


def _segments(
    old: ResolvedTopology, new: ResolvedTopology, renames: Renames, marks: Marks
) -> dict[str, SceneSegment]:
    found = {
        name: _segment(segment, _MARKS[marks.segments.get(name)])
        for name, segment in new.segments.items()
    }
    for name, segment in old.segments.items():
        found.setdefault(renames.segment(name), _segment(segment, Mark.REMOVED))
    return dict(sorted(found.items()))


def _nodes(
    old: ResolvedTopology, new: ResolvedTopology, renames: Renames, marks: Marks
) -> dict[str, SceneNode]:
    before = {renames.node(name): node for name, node in old.nodes.items()}
    found: dict[str, SceneNode] = {}
    for name, node in new.nodes.items():
        was = before.get(name)
        mark = _MARKS[marks.nodes.get(name)]
        policy = node.policy.name if node.policy is not None else ""
        if mark is Mark.SAME and policy in marks.policies:
            mark = Mark.CHANGED
        found[name] = replace(_node(node, mark), interfaces=_interfaces(node, was, renames))
    for name, node in before.items():
        if name not in found:
            gone = replace(_node(node, Mark.REMOVED), name=name)
            moved = tuple(
                _interface(i, Mark.REMOVED, renames.segment(i.segment)) for i in node.interfaces
            )
            found[name] = replace(gone, interfaces=moved)
    return dict(sorted(found.items()))


def _interfaces(
    node: ResolvedNode, was: ResolvedNode | None, renames: Renames
) -> tuple[SceneInterface, ...]:
    """A node's interfaces of both sides; a new node's are all new."""
    before = {renames.segment(i.segment): i for i in was.interfaces} if was is not None else {}
    found = []
    for interface in node.interfaces:
        known = before.pop(interface.segment, None)
        same = known is not None and known.addresses == interface.addresses
        mark = Mark.ADDED if known is None else Mark.SAME if same else Mark.CHANGED
        found.append(_interface(interface, mark))
    found.extend(_interface(gone, Mark.REMOVED, segment) for segment, gone in before.items())
    return tuple(found)


def _segment(segment: ResolvedSegment, mark: Mark = Mark.SAME) -> SceneSegment:
    return SceneSegment(segment.name, segment.zone, tuple(map(str, segment.prefixes)), mark)


def _node(node: ResolvedNode, mark: Mark = Mark.SAME) -> SceneNode:
    return SceneNode(node.name, node.kind, tuple(map(_interface, node.interfaces)), mark)


def _interface(
    interface: ResolvedInterface, mark: Mark = Mark.SAME, segment: str | None = None
) -> SceneInterface:
    addresses = tuple(str(address.ip) for address in interface.addresses)
    return SceneInterface(segment or interface.segment, addresses, mark)
