"""Sets and maps of integers by intervals, canonical, so that equal ones are equal values.

A set is a sorted tuple of `(low, high)`, both inclusive, disjoint and not touching. A map is a
sorted tuple of `(low, high, value)`, disjoint, where touching intervals differ in their value;
what no interval holds has no value. Axes are addresses or services (`topology.reach.space`).
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TypeAlias, TypeVar

__all__ = [
    "EMPTY",
    "Mapped",
    "Ranges",
    "contains",
    "intersect",
    "joined",
    "meet",
    "normal",
    "pieces",
    "subtract",
    "sweep",
    "unite",
    "without",
]

V = TypeVar("V")
W = TypeVar("W")

Ranges: TypeAlias = tuple[tuple[int, int], ...]
Mapped: TypeAlias = tuple[tuple[int, int, V], ...]

EMPTY: Ranges = ()

_BEYOND = 1 << 130
"""Above every value of every axis."""

_CACHED = 1 << 15


def normal(intervals: Iterable[tuple[int, int]]) -> Ranges:
    """The set that intervals cover, in whatever order and overlap they come.

    >>> normal([(5, 9), (1, 3), (4, 4)])
    ((1, 9),)
    """
    merged: list[tuple[int, int]] = []
    for low, high in sorted(intervals):
        if merged and low <= merged[-1][1] + 1:
            if high > merged[-1][1]:
                merged[-1] = (merged[-1][0], high)
        else:
            merged.append((low, high))
    return tuple(merged)


def contains(ranges: Ranges, value: int) -> bool:
    """Whether a set holds a value."""
    index = bisect_right(ranges, (value, _BEYOND)) - 1
    return index >= 0 and ranges[index][1] >= value


@lru_cache(maxsize=_CACHED)
def intersect(one: Ranges, other: Ranges) -> Ranges:
    """What both sets hold.

    >>> intersect(((1, 5), (8, 9)), ((4, 8),))
    ((4, 5), (8, 8))
    """
    if one is other or not one:
        return one
    if len(one) > len(other):
        one, other = other, one
    found: list[tuple[int, int]] = []
    for low, high in one:
        index = max(0, bisect_right(other, (low, _BEYOND)) - 1)
        while index < len(other) and other[index][0] <= high:
            start, end = max(low, other[index][0]), min(high, other[index][1])
            if start <= end:
                found.append((start, end))
            index += 1
    return tuple(found)


@lru_cache(maxsize=_CACHED)
def unite(one: Ranges, other: Ranges) -> Ranges:
    """What either set holds."""
    if one is other or not other:
        return one
    return normal((*one, *other)) if one else other


@lru_cache(maxsize=_CACHED)
def subtract(one: Ranges, other: Ranges) -> Ranges:
    """What the first set holds and the second does not.

    >>> subtract(((1, 9),), ((3, 4), (9, 20)))
    ((1, 2), (5, 8))
    """
    if not other or not one:
        return one
    found: list[tuple[int, int]] = []
    for low, high in one:
        index = max(0, bisect_right(other, (low, _BEYOND)) - 1)
        at = low
        while at <= high and index < len(other) and other[index][0] <= high:
            start, end = other[index]
            if end >= at:
                if start > at:
                    found.append((at, start - 1))
                at = end + 1
            index += 1
        if at <= high:
            found.append((at, high))
    return tuple(found)


def joined(parts: Iterable[tuple[int, int, V]]) -> Mapped[V]:
    """A map from sorted, disjoint parts: touching ones with equal values become one."""
    result: list[tuple[int, int, V]] = []
    for part in parts:
        _append(result, *part)
    return tuple(result)


def _append(result: list[tuple[int, int, V]], low: int, high: int, value: V) -> None:
    """Adds what comes next, to the last part where it goes on with the same value."""
    if result and result[-1][1] + 1 == low and result[-1][2] == value:
        result[-1] = (result[-1][0], high, value)
    else:
        result.append((low, high, value))


def pieces(one: Mapped[V], other: Mapped[W]) -> Iterator[tuple[int, int, V, W]]:
    """The intervals on which both maps have a value, with both values.

    Costs the length of the shorter map and what is found, times a logarithm of the longer.
    """
    if len(one) > len(other):
        for low, high, value, own in pieces(other, one):
            yield low, high, own, value
        return
    index, count = 0, len(other)
    for low, high, own in one:
        index = _first_from(other, low, index)
        while index < count:
            start, end, value = other[index]
            if start > high:
                break
            yield max(low, start), min(high, end), own, value
            if end > high:
                break
            index += 1


def meet(one: Mapped[V], other: Mapped[W], both: Callable[[V, W], V | None]) -> Mapped[V]:
    """`both` of the values where both maps have one; nothing where it gives nothing."""
    result: list[tuple[int, int, V]] = []
    for low, high, own, its in pieces(one, other):
        if value := both(own, its):
            _append(result, low, high, value)
    return tuple(result)


def without(one: Mapped[V], other: Mapped[W], rest: Callable[[V, W], V | None]) -> Mapped[V]:
    """The first map's values, lessened by `rest` where the second has one, too."""
    return joined(_without(one, other, rest)) if other else one


def _without(
    one: Mapped[V], other: Mapped[W], rest: Callable[[V, W], V | None]
) -> Iterator[tuple[int, int, V]]:
    index = 0
    for low, high, own in one:
        index = _first_from(other, low, index)
        at = low
        while index < len(other) and other[index][0] <= high:
            start, end, its = other[index]
            index += 1
            if end < at:
                continue
            if start > at:
                yield at, start - 1, own
            first, last = max(at, start), min(high, end)
            if value := rest(own, its):
                yield first, last, value
            at = last + 1
        if at <= high:
            yield at, high, own


def sweep(
    spans: Iterable[tuple[int, int, int]],
    domain: Ranges,
    build: Callable[[Sequence[int]], V | None],
) -> Mapped[V]:
    """A map over `domain` of what `build` makes of the keys whose spans cover a value.

    A span is `(low, high, key)`; `build` is given the keys in ascending order, and only once for
    each stretch on which they are the same.
    """
    starts: dict[int, list[int]] = {}
    ends: dict[int, list[int]] = {}
    for low, high, key in spans:
        starts.setdefault(low, []).append(key)
        ends.setdefault(high + 1, []).append(key)
    marks = sorted({*starts, *ends})
    return joined(_sweep(starts, ends, marks, domain, build))


def _sweep(
    starts: dict[int, list[int]],
    ends: dict[int, list[int]],
    marks: list[int],
    domain: Ranges,
    build: Callable[[Sequence[int]], V | None],
) -> Iterator[tuple[int, int, V]]:
    active: list[int] = []
    index = 0
    for low, high in domain:
        at = low
        while at <= high:
            while index < len(marks) and marks[index] <= at:
                for key in ends.get(marks[index], ()):
                    active.remove(key)
                for key in starts.get(marks[index], ()):
                    insort(active, key)
                index += 1
            last = min(high, marks[index] - 1) if index < len(marks) else high
            if value := build(active):
                yield at, last, value
            at = last + 1


def _first_from(parts: Mapped[object], low: int, index: int) -> int:
    """The place of the first part from `index` or just before that ends at `low` or beyond."""
    # Such a pair is never equal to a part's first two: values are not compared.
    index = bisect_right(parts, (low, _BEYOND), index)
    return index - 1 if index and parts[index - 1][1] >= low else index
