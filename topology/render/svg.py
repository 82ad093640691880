"""A network as SVG: zones, bars, cards, and a line a kind of flow along the way that it takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from topology.render.diff.escape import html_text
from topology.render.icons import icon
from topology.render.lanes import Track, lane_parts, legend, tracks_of
from topology.render.palette import ZONES, file_style
from topology.scene.geometry import Bar, Layout, Rect
from topology.scene.layout import place
from topology.scene.sizes import card_lines, short
from topology.scene.types import Link, Mark, Scene, SceneInterface, SceneNode, SceneSegment

__all__ = ["Page", "drawing", "near_lines", "svg", "wires_of"]

_FAR_ZONE, _FAR_NAME = (2, 13), (-13, 10)
"""How much aside names stand when they are seen from afar, where they are larger (map.js too)."""


@dataclass(frozen=True, slots=True)
class Page:
    """What a page wants besides: cards that are buttons, with labels, and how the map begins."""

    far: bool
    """Whether it is seen from afar. Dense cards are then without what cannot be read."""
    labels: Mapping[str, str]


def svg(scene: Scene) -> str:
    """A whole file, light or dark as its reader's screen is."""
    layout = place(scene)
    words = legend(scene, tracks_of(scene, layout))
    width = max(layout.width, words.width)
    height = layout.height + words.height
    title = f"The network {scene.name}"
    if scene.compared:
        title += f": {scene.old} → {scene.new}"
    size = f'viewBox="0 0 {_n(width)} {_n(height)}" width="{_n(width)}" height="{_n(height)}"'
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
            f"<title>{html_text(title)}</title>",
            f"<style>\n{file_style('picture.css')}</style>",
            '<rect class="paper" width="100%" height="100%"/>',
            *drawing(scene, layout),
            f'<g transform="translate(0,{_n(layout.height)})">',
            *words.lines,
            "</g>",
            "</svg>",
            "",
        )
    )


def drawing(scene: Scene, layout: Layout, page: Page | None = None) -> Iterator[str]:
    """All that is drawn but the legend, as one group; nodes and segments carry their names."""
    tracks = tracks_of(scene, layout)
    colours = {
        zone: index % ZONES
        for index, zone in enumerate(dict.fromkeys(zone for zone, _ in layout.zones))
    }
    far = page is not None and page.far
    yield f'<g class="{"dense" if layout.sizes.dense else "roomy"}">'
    for zone, box in layout.zones:
        yield from _zone(zone, box, colours[zone], layout.sizes.dense, far)
    for mark, links in wires_of(scene, layout).items():
        # One path for all: a browser takes as long for an element of a few points.
        ways = ("L".join(f"{_n(x)} {_n(y)}" for x, y in layout.links[link]) for link in links)
        yield f'<path class="wire{_class(mark)}" d="{"".join(f"M{way}" for way in ways)}"/>'
    for name, bar in layout.bars.items():
        drawn = scene.segments[name]
        yield from _bar(drawn, bar, colours[drawn.zone], layout)
    for track in tracks:
        yield from lane_parts(track, scene, layout)
    for number, (name, card) in enumerate(layout.cards.items()):
        yield from _card(scene.nodes[name], card, layout, page, first=number == 0)
    for track in tracks:
        yield from _services(track, tracks, layout)
    yield "</g>"


def wires_of(scene: Scene, layout: Layout) -> Mapping[Mark, tuple[Link, ...]]:
    """The links that one path draws, in its order, for each mark that there is."""
    found: dict[Mark, list[Link]] = {mark: [] for mark in Mark}
    for node, segment in layout.links:
        mark = next(i.mark for i in scene.nodes[node].interfaces if i.segment == segment)
        found[mark].append((node, segment))
    return {mark: tuple(links) for mark, links in found.items() if links}


def near_lines(scene: Scene, layout: Layout) -> Mapping[str, tuple[str, str]]:
    """What a dense card has no letters for from afar: an address, and the class of its mark."""
    return {
        name: (_address(interface, address), _class(interface.mark).strip())
        for name, node in scene.nodes.items()
        for interface, address in card_lines(node, layout.sizes)
    }


def _zone(zone: str, box: Rect, colour: int, dense: bool, far: bool) -> Iterator[str]:
    left, top = (8, 12) if dense else (12, 18)
    if far:
        left, top = left + _FAR_ZONE[0], top + _FAR_ZONE[1]
    yield (
        f'<rect class="zone{colour}" x="{_n(box.x)}" y="{_n(box.y)}" width="{_n(box.width)}" '
        f'height="{_n(box.height)}" rx="10"/>'
    )
    yield (
        f'<text class="zone-name" x="{_n(box.x + left)}" y="{_n(box.y + top)}">'
        f"{html_text(short(zone, max(4, int(box.width / 8))))}</text>"
    )


def _bar(segment: SceneSegment, bar: Bar, colour: int, layout: Layout) -> Iterator[str]:
    (x, y), (to_x, to_y) = bar.start, bar.end
    mark = _class(segment.mark)
    told = html_text(f"segment {segment.name}, zone {segment.zone}: {_list(segment.prefixes)}")
    yield f'<g data-segment="{html_text(segment.name)}"><title>{told}</title>'
    for (a, b), (c, d) in bar.drops:
        yield f'<path class="drop edge{colour}{mark}" d="M{_n(a)} {_n(b)}L{_n(c)} {_n(d)}"/>'
    yield f'<path class="bar edge{colour}{mark}" d="M{_n(x)} {_n(y)}L{_n(to_x)} {_n(to_y)}"/>'
    yield from _title(segment, layout)
    yield "</g>"


def _title(segment: SceneSegment, layout: Layout) -> Iterator[str]:
    """A segment's name and prefixes, above its bar."""
    mark = _class(segment.mark)
    sign = f"{segment.mark.symbol} " if segment.mark.symbol else ""
    name = f"{sign}{short(segment.name, 26)}"
    x, top = layout.titles[segment.name]
    x += 8 if layout.sizes.dense else 12
    if layout.sizes.dense:
        told = f'<tspan class="prefix" dx="6">{html_text(_list(segment.prefixes[:1]))}</tspan>'
        yield f'<text class="segment-name{mark}" x="{_n(x)}" y="{_n(top + 24)}">'
        yield f"{html_text(name)} {told}</text>"
        return
    yield (
        f'<text class="segment-name{mark}" x="{_n(x)}" y="{_n(top + 34)}">{html_text(name)}</text>'
    )
    for number, prefix in enumerate(segment.prefixes[:2]):
        yield (
            f'<text class="prefix" x="{_n(x)}" y="{_n(top + 47 + number * 12)}">'
            f"{html_text(prefix)}</text>"
        )


def _card(
    node: SceneNode, card: Rect, layout: Layout, page: Page | None, *, first: bool
) -> Iterator[str]:
    sizes = layout.sizes
    x, y = card.x, card.y
    kind = node.kind.value
    yield f'<g class="card{_class(node.mark)}" data-node="{html_text(node.name)}"'
    if page is None:
        told = "; ".join(f"{i.segment} {_list(i.addresses)}" for i in node.interfaces)
        yield f"><title>{html_text(f'{node.name} ({kind}): {told}')}</title>"
    else:
        # One card at a time is a stop of the Tab key.
        yield f' role="button" aria-pressed="false" tabindex="{0 if first else -1}"'
        yield f' aria-label="{html_text(page.labels[node.name], 4000)}">'
    yield (
        f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(card.width)}" height="{_n(card.height)}" '
        'rx="7"/>'
    )
    name = html_text(short(node.name, sizes.name))
    far = page is not None and page.far
    if not sizes.dense:
        yield f'<g class="icon" transform="translate({_n(x + 10)},{_n(y + 10)})">'
        yield f"{icon(node.kind)}</g>"
        yield f'<text class="name" x="{_n(x + 36)}" y="{_n(y + 18)}">{name}</text>'
        yield f'<text class="kind" x="{_n(x + 36)}" y="{_n(y + 31)}">{kind}</text>'
        yield from _addresses(node, card, layout)
    elif far:
        aside, down = _FAR_NAME
        yield f'<text class="name" x="{_n(x + 19 + aside)}" y="{_n(y + 13 + down)}">{name}</text>'
    else:
        yield f'<g class="icon" transform="translate({_n(x + 4)},{_n(y + 3)}) scale(0.62)">'
        yield f"{icon(node.kind)}</g>"
        yield f'<text class="name" x="{_n(x + 19)}" y="{_n(y + 13)}">{name}</text>'
        yield from _addresses(node, card, layout)
    if node.mark.symbol:
        yield (
            f'<g class="badge{_class(node.mark)}" '
            f'transform="translate({_n(card.right - 2)},{_n(y + 2)})">'
            f'<circle r="9"/><text y="5">{node.mark.symbol}</text></g>'
        )
    yield "</g>"


def _addresses(node: SceneNode, card: Rect, layout: Layout) -> Iterator[str]:
    """The lines of a card below its name; a roomy one says whose they are and how many are left."""
    sizes = layout.sizes
    shown = card_lines(node, sizes)
    right = f'<text class="more" x="{_n(card.right - 8)}" text-anchor="end"'
    for number, (interface, address) in enumerate(shown):
        aside, down = (6, 7) if sizes.dense else (12, 11 + number * sizes.line)
        y = _n(card.y + sizes.head + down)
        yield (
            f'<text class="address{_class(interface.mark)}" x="{_n(card.x + aside)}" y="{y}">'
            f"{html_text(_address(interface, address))}</text>"
        )
        first = interface.addresses[0] == address
        if first and len(node.interfaces) > 1 and not sizes.dense:
            yield f'{right} y="{y}">{html_text(short(interface.segment, 9))}</text>'
    more = sum(len(i.addresses) for i in node.interfaces) - len(shown)
    if more and not sizes.dense:
        yield f'{right} y="{_n(card.bottom - 6)}">+{more} more</text>'


def _services(track: Track, tracks: tuple[Track, ...], layout: Layout) -> Iterator[str]:
    """The services that arrive at a node, before its arrow; all lanes' at the first one's."""
    if layout.sizes.dense:
        return
    for name, (x, _) in track.ends.items():
        here = [other for other in tracks if name in other.ends]
        if here[0] is not track:
            continue
        words = [
            other.lane.mark.symbol + (other.lane.name or other.lane.services[0])
            for other in here[:3]
        ]
        many = len(here) > 3 or any(o.lane.services[1:] and not o.lane.name for o in here)
        text = html_text(short(", ".join(words), 16) + ("…" if many else ""))
        from_right = x >= layout.cards[name].middle[0]
        at, anchor = (x + 10, "start") if from_right else (x - 10, "end")
        top = min(other.ends[name][1] for other in here) - 6
        where = f'x="{_n(at)}" y="{_n(top)}" text-anchor="{anchor}"'
        yield f'<text class="service" {where}>{text}</text>'


def _address(interface: SceneInterface, address: str) -> str:
    return f"{interface.mark.symbol} {address}" if interface.mark.symbol else address


def _class(mark: Mark) -> str:
    return f" {mark.value}" if mark is not Mark.SAME else ""


def _list(values: tuple[str, ...]) -> str:
    return ", ".join(values)


def _n(value: float) -> str:
    """A number as short as it can be, the same everywhere.

    >>> _n(3.0), _n(3.14159)
    ('3', '3.1')
    """
    return f"{value:.1f}".removesuffix(".0")
