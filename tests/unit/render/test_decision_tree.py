"""The first match in a tree is that of the list, for any rules and packets, and it stays small."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from topology.render.decision_tree import Box, Field, Node, tree

_VALUES = 40
_RANGES = st.tuples(st.integers(0, _VALUES), st.integers(0, 4)).map(lambda r: (r[0], r[0] + r[1]))
_SINGLE = st.integers(0, 3).map(lambda value: (value, value))
_FIELDS = st.fixed_dictionaries(
    {},
    optional={
        field: st.lists(_SINGLE if field.discrete else _RANGES, min_size=1, max_size=3)
        for field in Field
    },
)
_BOXES = st.builds(Box, st.sampled_from((None, 4, 6)), _FIELDS)
_PACKETS = st.tuples(
    st.sampled_from((4, 6)),
    st.fixed_dictionaries({}, optional={field: st.integers(0, _VALUES + 5) for field in Field}),
)


def matches(box: Box, family: int, packet: Mapping[Field, int]) -> bool:
    """Whether a packet, of which some fields are not known, is what a line asks for."""
    return box.family in (None, family) and all(
        field in packet and any(low <= packet[field] <= high for low, high in ranges)
        for field, ranges in box.fields.items()
    )


def leaf(node: Node, packet: Mapping[Field, int]) -> Node:
    """Where a packet comes to."""
    while cut := node.cut:
        value = packet.get(cut.field)
        node = next(
            (
                child
                for ranges, child in cut.parts
                if value is not None and any(low <= value <= high for low, high in ranges)
            ),
            cut.rest,
        )
    return node


def copies(node: Node) -> int:
    """The lines of all leaves."""
    if node.cut is None:
        return len(node.lines)
    return sum(copies(child) for _, child in node.cut.parts) + copies(node.cut.rest)


def _first(
    lines: Sequence[int], boxes: Sequence[Box], family: int, packet: Mapping[Field, int]
) -> int | None:
    return next((n for n in lines if matches(boxes[n], family, packet)), None)


@settings(deadline=None)
@given(st.lists(_BOXES, min_size=9, max_size=60), st.lists(_PACKETS, min_size=1, max_size=30))
def test_the_first_match_in_the_tree_is_that_of_the_list(
    boxes: list[Box], packets: list[tuple[int, dict[Field, int]]]
) -> None:
    roots = tree(boxes)
    for family, packet in packets:
        lines = leaf(roots[family], packet).lines if family in roots else ()
        expected = _first(range(len(boxes)), boxes, family, packet)
        assert _first(lines, boxes, family, packet) == expected
    assert sum(copies(root) for root in roots.values()) <= 4 * len(boxes)


def test_lines_that_can_be_told_apart_are() -> None:
    boxes = [Box(4, {Field.SOURCE: [(256 * n, 256 * n + 255)]}) for n in range(5000)]
    root = tree(boxes)[4]
    assert max(len(leaf(root, {Field.SOURCE: 256 * n}).lines) for n in range(5000)) <= 8


def test_lines_that_cannot_be_told_apart_stay_a_list() -> None:
    (root,) = tree([Box(6, {})] * 100).values()
    assert root.cut is None
