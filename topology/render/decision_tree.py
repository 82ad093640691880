"""Ordered rules as a decision tree whose leaves are short lists: HiCuts with uneven cuts.

Gupta and McKeown, "Packet Classification using Hierarchical Intelligent Cuttings", Hot
Interconnects 1999; Singh et al., "Packet Classification Using Multidimensional Cutting", SIGCOMM
2003. A cut is made where ranges of rules begin and end, so that a verdict map of nftables can be
one. A rule stands in every part that it may match in, in the old order; so the first match in the
leaf that a packet comes to is the first match of all.

`containers/linux/src/nft/tree.rs` does the same, step for step: both must make the same tree.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

__all__ = ["LIST", "Box", "Cut", "Field", "Node", "Range", "tree"]

LIST = 32
"""So many lines are asked faster than they are told apart, and read better."""
_LEAF = 8
"""Lines of a list that is not worth a cut."""
_LEAST = 4
"""Ranges in a part of the finest cut."""
_COPIES = 4
"""The lines of all leaves, at most, for each line: what finds no room stays a longer list."""
_DEPTH = 8
"""Cuts on a way: the kernel follows 16 jumps, two of which lead to the tree."""

Range = tuple[int, int]
"""Both ends inclusive."""


class Field(Enum):
    """What a cut looks at, in the order in which equal cuts are preferred."""

    DESTINATION = 0
    SOURCE = 1
    PORT = 2
    PROTOCOL = 3
    INCOMING = 4
    OUTGOING = 5

    @property
    def discrete(self) -> bool:
        """Whether it has single values only, not ranges."""
        return self.value >= Field.PROTOCOL.value


@dataclass(frozen=True, slots=True)
class Box:
    """What a line asks for: a family (4, 6, `None` for both), and ranges of some fields."""

    family: int | None
    fields: Mapping[Field, Sequence[Range]]


@dataclass(frozen=True, slots=True)
class Cut:
    """Which node each of a field's ranges leads to.

    `rest` is for packets that have no such field or are in no range: its lines do not ask for it.
    """

    field: Field
    parts: tuple[tuple[tuple[Range, ...], Node], ...]
    rest: Node


@dataclass(slots=True)
class Node:
    """Lines by their numbers, ascending, and how they are told apart if they are."""

    lines: tuple[int, ...]
    cut: Cut | None = None


@dataclass(frozen=True, slots=True)
class _Plan:
    """A cut before it is made; smaller is better: the longest part, then all of them."""

    longest: int
    total: int
    field: Field
    parts: tuple[tuple[Range, ...], ...]

    @property
    def cost(self) -> tuple[int, int, int]:
        return self.longest, self.total, self.field.value


def tree(boxes: Sequence[Box]) -> dict[int, Node]:
    """The tree of each family (4, 6) that a line is of; the longest list is cut first."""
    roots = {}
    heap: list[tuple[int, int, int, Node]] = []
    copies = made = 0
    for family in (4, 6):
        lines = tuple(n for n, box in enumerate(boxes) if box.family in (None, family))
        if lines:
            roots[family] = Node(lines)
            heapq.heappush(heap, (-len(lines), made, 0, roots[family]))
            copies += len(lines)
            made += 1
    while heap and len(heap[0][-1].lines) > _LEAF:
        _, _, depth, node = heapq.heappop(heap)
        plans = [plan for field in Field if (plan := _plan(boxes, node.lines, field))]
        if depth == _DEPTH or not plans:
            continue
        cut = _cut(boxes, node.lines, min(plans, key=lambda plan: plan.cost))
        children = [*((child, depth + 1) for _, child in cut.parts), (cut.rest, depth)]
        more = sum(len(child.lines) for child, _ in children) - len(node.lines)
        if copies + more > _COPIES * len(boxes):
            continue
        copies += more
        node.cut = cut
        for child, below in children:
            heapq.heappush(heap, (-len(child.lines), made, below, child))
            made += 1
    return roots


def _plan(boxes: Sequence[Box], lines: Sequence[int], field: Field) -> _Plan | None:
    """The finest cut that neither doubles the lines nor leaves most in one part."""
    asked = [boxes[n].fields[field] for n in lines if field in boxes[n].fields]
    begins = Counter(low for ranges in asked for low, _ in ranges)
    ends = Counter(high + 1 for ranges in asked for _, high in ranges)
    points = sorted({*begins, *ends})
    others = len(lines) - len(asked)
    size = _LEAST
    while asked and size < len(lines):
        longest, total, parts = _sweep(begins, ends, points, size, field.discrete)
        longest, total = longest + others, total + others * (len(parts) + 1)
        if total <= 2 * len(lines) and 4 * longest <= 3 * len(lines):
            return _Plan(longest, total, field, tuple(parts))
        size *= 2
    return None


def _sweep(
    begins: Counter[int], ends: Counter[int], points: Sequence[int], size: int, discrete: bool
) -> tuple[int, int, list[tuple[Range, ...]]]:
    """The most and the sum of ranges in parts that have up to `size`, or begin with more."""
    parts: list[tuple[Range, ...]] = []
    inside = held = longest = total = 0
    for point, following in pairwise(points):
        inside += begins[point] - ends[point]
        if inside == 0:
            continue
        stretch = (point, following - 1)
        if parts and held + begins[point] <= size:
            held += begins[point]
            total += begins[point]
            grown = (*parts[-1], stretch) if discrete else ((parts[-1][0][0], following - 1),)
            parts[-1] = grown
        else:
            held = inside
            total += inside
            parts.append((stretch,))
        longest = max(longest, held)
    return longest, total, parts


def _cut(boxes: Sequence[Box], lines: Sequence[int], plan: _Plan) -> Cut:
    """Puts each line into every part that it may match in."""
    others = [n for n in lines if plan.field not in boxes[n].fields]
    reached: list[set[int]] = [set(others) for _ in plan.parts]
    starts = [part[0][0] for part in plan.parts]
    lasts = [part[-1][1] for part in plan.parts]
    for n in lines:
        for low, high in boxes[n].fields.get(plan.field, ()):
            first = bisect_left(lasts, low)
            while first < len(starts) and starts[first] <= high:
                reached[first].add(n)
                first += 1
    parts = zip(plan.parts, reached, strict=True)
    return Cut(
        plan.field,
        tuple((part, Node(tuple(sorted(inside)))) for part, inside in parts),
        Node(tuple(others)),
    )
