"""Flows as lines beside one another along the links that they pass, and what explains them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from topology.render.diff.escape import html_text
from topology.render.diff.words import listed
from topology.render.palette import LANES
from topology.scene.geometry import Layout, Point
from topology.scene.types import Lane, Mark, Scene

__all__ = ["Arrow", "Legend", "Track", "arrows", "lane_parts", "lane_text", "legend", "tracks_of"]

_LINE = 20
_MOST = 60
"""Arrows of a picture that somebody else lays out."""


@dataclass(frozen=True, slots=True)
class Track:
    """A lane with its look, how far beside the links it runs, and where it ends."""

    lane: Lane
    number: int
    offset: float
    ends: Mapping[str, Point]


@dataclass(frozen=True, slots=True)
class Legend:
    """The lines of a legend, and how much room they take."""

    lines: tuple[str, ...]
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Arrow:
    """One pair of a lane, for pictures that somebody else lays out."""

    source: str
    destination: str
    text: str
    mark: Mark


def arrows(scene: Scene) -> tuple[tuple[Arrow, ...], int]:
    """Every pair of every lane as far as such pictures bear it, and how many more there are."""
    pairs = [
        Arrow(source, destination, lane.name or listed(lane.services, 3), lane.mark)
        for lane in scene.lanes
        for source in lane.sources
        for destination in lane.destinations
    ]
    return tuple(pairs[:_MOST]), max(0, len(pairs) - _MOST)


def tracks_of(scene: Scene, layout: Layout) -> tuple[Track, ...]:
    """The lanes that are drawn: the first ones, as far as they can be told apart."""
    chosen = scene.lanes[:LANES]
    apart = 3.2 if layout.sizes.dense else 5.0 if len(chosen) < 5 else 3.6
    found = []
    for number, lane in enumerate(chosen):
        offset = (number - (len(chosen) - 1) / 2) * apart
        ends = {
            name: _beside(layout.links[name, segment], offset)[-1]
            for name in lane.destinations
            for segment in _last(lane, name)
        }
        found.append(Track(lane, number, offset, ends))
    return tuple(found)


def lane_parts(track: Track, scene: Scene, layout: Layout) -> Iterator[str]:
    """The line of a lane, an arrow at each destination, a dot at each source."""
    lane, compared = track.lane, scene.compared
    parts = [
        "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in _beside(layout.links[link], track.offset))
        for link in sorted(lane.links)
    ]
    for segment in sorted({segment for _, segment in lane.links}):
        parts.extend(_along(track, layout, segment))
    look = lane.mark.value if compared else f"lane{track.number}"
    tip = f"tip {lane.mark.value}" if compared else f"tip{track.number}"
    yield f'<g data-lane="{track.number}"><title>{html_text(lane_text(lane))}</title>'
    yield f'<path class="lane {look}" d="{"".join(parts)}"/>'
    size = 3.6 if layout.sizes.dense else 6.0
    arrowheads, dots = [], []
    for name in lane.destinations:
        for segment in _last(lane, name):
            *_, before, end = _beside(layout.links[name, segment], track.offset)
            arrowheads.append(_arrow(before, end, size))
    for name in lane.sources:
        for segment in _last(lane, name):
            *_, end = _beside(layout.links[name, segment], track.offset)
            dots.append(_dot(end, size * 0.6))
    # One path for all of a sort: a browser takes as long for an element of three points. Not one
    # for both: where they go round the other way, a dot would be a hole in an arrow.
    for kind, way in (("arrow", "".join(arrowheads)), ("start", "".join(dots))):
        if way:
            yield f'<path class="{kind} {tip}" d="{way}"/>'
    yield "</g>"


def legend(scene: Scene, tracks: tuple[Track, ...]) -> Legend:
    """What the lines mean, and which flows are not drawn."""
    lines: list[str] = []
    widest = 0
    y = _LINE * 0.7
    for track in tracks:
        lane = track.lane
        look = lane.mark.value if scene.compared else f"lane{track.number}"
        tip = f"tip {lane.mark.value}" if scene.compared else f"tip{track.number}"
        sign = f"{lane.mark.symbol} " if scene.compared and lane.mark.symbol else ""
        text = sign + lane_text(lane)
        widest = max(widest, len(text))
        lines.append(f'<path class="lane {look}" d="M16 {y - 4:.1f}H52"/>')
        lines.append(
            f'<path class="arrow {tip}" d="{_arrow((50, y - 4), (60, y - 4), 6)}"/>'
            f'<text class="legend" x="70" y="{y:.1f}">{html_text(text)}</text>'
        )
        y += _LINE
    for note in _notes(scene, tracks):
        widest = max(widest, len(note))
        lines.append(f'<text class="note" x="16" y="{y:.1f}">{html_text(note)}</text>')
        y += _LINE
    return Legend(tuple(lines), 90 + widest * 6.6, y)


def lane_text(lane: Lane) -> str:
    """A lane in words."""
    services = listed(lane.services, 4)
    if lane.name and lane.name not in services:
        services = f"{lane.name} ({services})"
    if lane.was:
        services += f", was {listed(lane.was, 4)}"
    return f"{listed(lane.sources, 3)} → {listed(lane.destinations, 3)}: {services}"


def _notes(scene: Scene, tracks: tuple[Track, ...]) -> Iterator[str]:
    left = len(scene.lanes) - len(tracks)
    if left:
        yield f"and {left} more kinds of flow: topology reach"
    if scene.compared:
        yield "+ solid: added   \N{MINUS SIGN} dashed: removed   ~ dotted: changed"
    if not scene.lanes:
        yield "Nothing opens from one segment to another."


def _last(lane: Lane, node: str) -> list[str]:
    """The segments by which the flows of a lane leave or reach one of its ends."""
    return sorted(segment for name, segment in lane.links if name == node)


def _along(track: Track, layout: Layout, segment: str) -> Iterator[str]:
    """The way along a bar, between the links that a lane takes there."""
    points = [
        _beside(layout.links[link], track.offset)[0]
        for link in sorted(track.lane.links)
        if link[1] == segment
    ]
    bar = layout.bars[segment]
    axis = 0 if bar.level else 1
    low, high = min(points, key=lambda p: p[axis]), max(points, key=lambda p: p[axis])
    if bar.level:
        y = bar.start[1] + track.offset
        yield f"M{low[0]:.1f} {y:.1f}L{high[0]:.1f} {y:.1f}"
    else:
        x = bar.start[0] + track.offset
        yield f"M{x:.1f} {low[1]:.1f}L{x:.1f} {high[1]:.1f}"


def _beside(points: tuple[Point, ...], offset: float) -> list[Point]:
    """A line of level and upright parts, moved aside by the same distance everywhere."""
    found: list[Point] = []
    for index, (x, y) in enumerate(points):
        level = upright = False
        for other in points[max(index - 1, 0) : index + 2]:
            level |= other[1] == y and other[0] != x
            upright |= other[0] == x and other[1] != y
        # An end is beside its own part only; it still meets the card's edge or the bar's axis.
        found.append((x + (offset if upright else 0), y + (offset if level else 0)))
    if len(points) > 1 and points[0][1] == points[1][1]:
        # It starts on an upright bar, whose line is aside, too.
        found[0] = (found[0][0] + offset, found[0][1])
    elif len(points) > 1:
        found[0] = (found[0][0], found[0][1] + offset)
    return found


def _arrow(before: Point, end: Point, size: float) -> str:
    (x, y), (to_x, to_y) = before, end
    if abs(to_x - x) >= abs(to_y - y):
        back = -size * 1.4 if to_x >= x else size * 1.4
        return f"M{to_x:.1f} {to_y:.1f}l{back:.1f} {-size * 0.7:.1f}v{size * 1.4:.1f}z"
    back = -size * 1.4 if to_y >= y else size * 1.4
    return f"M{to_x:.1f} {to_y:.1f}l{-size * 0.7:.1f} {back:.1f}h{size * 1.4:.1f}z"


def _dot(centre: Point, radius: float) -> str:
    """A circle as a part of a path."""
    (x, y), half = centre, f"a{radius:.1f} {radius:.1f} 0 0 0"
    return f"M{x - radius:.1f} {y:.1f}{half} {2 * radius:.1f} 0{half} {-2 * radius:.1f} 0z"
