"""A network as a tree from outside inward, which is how people draw and read it.

The outside's segments come first; each forwarder hangs from the segment nearest to the outside,
and what it leads to hangs from it. Links that close a circle are kept apart.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from topology.resolve.types import Kind
from topology.scene.types import Link, Scene

__all__ = ["Branch", "Tree", "natural", "tree_of"]


@dataclass(slots=True)
class Branch:
    """A segment, the nodes that only it leads to, and the forwarders that lead on from it."""

    segment: str
    outer: list[str] = field(default_factory=list)
    """External nodes."""
    hosts: list[str] = field(default_factory=list)
    forwarders: dict[str, list[Branch]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tree:
    """The segments that nothing leads to, and the links that are no part of the tree."""

    roots: tuple[Branch, ...]
    extra: tuple[Link, ...]


def tree_of(scene: Scene) -> Tree:
    """The tree of a scene, the same for the same scene."""
    attached: dict[str, list[str]] = {name: [] for name in scene.segments}
    for name, node in scene.nodes.items():
        for interface in node.interfaces:
            attached[interface.segment].append(name)
    branches: dict[str, Branch] = {}
    placed: dict[str, str] = {}
    roots: list[Branch] = []
    waiting: deque[str] = deque()

    def start(segment: str) -> None:
        branches[segment] = Branch(segment)
        roots.append(branches[segment])
        waiting.append(segment)

    for segment in _outermost(scene, attached):
        start(segment)
    while True:
        while waiting:
            waiting.extend(_grow(scene, branches, placed, attached, waiting.popleft()))
        left = next((name for name in _inward(scene, attached) if name not in branches), None)
        if left is None:
            break
        start(left)
    extra = tuple(
        (name, interface.segment)
        for name, node in scene.nodes.items()
        for interface in node.interfaces
        if placed[name] != interface.segment
        and not any(b.segment == interface.segment for b in _below(branches, placed, name))
    )
    return Tree(tuple(roots), extra)


def _grow(
    scene: Scene,
    branches: dict[str, Branch],
    placed: dict[str, str],
    attached: Mapping[str, list[str]],
    segment: str,
) -> list[str]:
    """Hangs the nodes on a segment from it; returns the segments that they lead to."""
    branch = branches[segment]
    found: list[str] = []
    for name in attached[segment]:
        if name in placed:
            continue
        placed[name] = segment
        node = scene.nodes[name]
        if not node.kind.forwards:
            (branch.outer if node.kind is Kind.EXTERNAL else branch.hosts).append(name)
            continue
        below = branch.forwarders[name] = []
        inner = sorted(
            {i.segment for i in node.interfaces} - branches.keys(),
            key=lambda inside: (scene.segments[inside].zone, natural(inside)),
        )
        for inside in inner:
            branches[inside] = Branch(inside)
            below.append(branches[inside])
            found.append(inside)
    branch.hosts.sort(key=lambda name: (scene.nodes[name].kind.value, natural(name)))
    branch.forwarders = dict(sorted(branch.forwarders.items(), key=lambda one: natural(one[0])))
    return found


def _below(branches: Mapping[str, Branch], placed: Mapping[str, str], name: str) -> list[Branch]:
    return branches[placed[name]].forwarders.get(name, [])


def _outermost(scene: Scene, attached: Mapping[str, list[str]]) -> list[str]:
    """The segments with external nodes that have no way to another such segment but by these."""
    outer = [
        segment
        for segment in sorted(attached, key=natural)
        if any(scene.nodes[name].kind is Kind.EXTERNAL for name in attached[segment])
    ]
    return outer or _inward(scene, attached)[:1]


def _inward(scene: Scene, attached: Mapping[str, list[str]]) -> list[str]:
    """Segments in the order in which one would look at them: those of the outside first."""
    return sorted(
        attached, key=lambda name: (scene.segments[name].zone != "outside", natural(name))
    )


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """A key by which `web-2` stands before `web-10`."""
    runs = re.findall(r"[0-9]+|[^0-9]+", name)
    return tuple((0, int(run), "") if run[0].isdigit() else (1, 0, run) for run in runs)
