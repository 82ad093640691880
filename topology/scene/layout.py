"""Where everything of a picture stands: layered from the outside inward, left to right.

A segment is an upright bar with its nodes beside it, in a box that is its zone. Forwarders lead
to the bars behind them. A segment that leads to very many is a level bar instead, with drops on
which they stand in columns. The same scene gives the same layout.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from topology.scene.geometry import Bar, Layout, Point, Rect
from topology.scene.sizes import Sizes, card_lines, sizes_for
from topology.scene.tree import Branch, tree_of
from topology.scene.types import Link, Scene

__all__ = ["place"]

_ASPECT = 1.7
"""Width by height that many columns aim at, as screens have it."""

_TALL = 900.0
"""Height of a pile of forwarders beyond which they stand in columns."""


def place(scene: Scene) -> Layout:
    """Places a scene."""
    tree = tree_of(scene)
    placing = _Placing(scene, sizes_for(scene))
    roots = [placing.segment(branch, root=True) for branch in tree.roots]
    block = _piled(roots, placing.sizes.gap * 2)
    margin = placing.sizes.pad
    block = block.moved(margin, margin - block.top)
    for node, segment in tree.extra:
        block.links[node, segment] = _detour(block.cards[node], block.bars[segment])
    return Layout(
        block.width + margin,
        block.bottom + margin,
        placing.sizes,
        dict(sorted(block.cards.items())),
        dict(sorted(block.bars.items())),
        tuple(block.zones),
        block.titles,
        dict(sorted(block.links.items())),
    )


@dataclass(slots=True)
class _Block:
    """A part of the picture about its entry, which is at its left edge at height `entry`."""

    entry: float = 0
    top: float = 0
    bottom: float = 0
    width: float = 0
    cards: dict[str, Rect] = field(default_factory=dict)
    bars: dict[str, Bar] = field(default_factory=dict)
    zones: list[tuple[str, Rect]] = field(default_factory=list)
    titles: dict[str, Point] = field(default_factory=dict)
    links: dict[Link, tuple[Point, ...]] = field(default_factory=dict)

    def moved(self, dx: float, dy: float) -> _Block:
        def shift(point: Point) -> Point:
            return point[0] + dx, point[1] + dy

        return _Block(
            self.entry + dy,
            self.top + dy,
            self.bottom + dy,
            self.width + dx,
            {name: card.moved(dx, dy) for name, card in self.cards.items()},
            {
                name: Bar(
                    shift(bar.start),
                    shift(bar.end),
                    tuple((shift(a), shift(b)) for a, b in bar.drops),
                )
                for name, bar in self.bars.items()
            },
            [(zone, box.moved(dx, dy)) for zone, box in self.zones],
            {name: shift(point) for name, point in self.titles.items()},
            {link: tuple(map(shift, points)) for link, points in self.links.items()},
        )

    def take(self, other: _Block) -> None:
        self.top, self.bottom = min(self.top, other.top), max(self.bottom, other.bottom)
        self.width = max(self.width, other.width)
        self.cards |= other.cards
        self.bars |= other.bars
        self.zones += other.zones
        self.titles |= other.titles
        self.links |= other.links


def _piled(blocks: Iterable[_Block], gap: float) -> _Block:
    """Blocks one below the other; the entry is half way between the first and the last one's."""
    found = _Block()
    entries: list[float] = []
    for block in blocks:
        below = found.bottom + gap - block.top if entries else -block.top
        moved = block.moved(0, below)
        entries.append(moved.entry)
        found.take(moved)
    found.top = 0
    found.entry = (entries[0] + entries[-1]) / 2 if entries else 0
    return found


class _Placing:
    """Places branches of one scene."""

    def __init__(self, scene: Scene, sizes: Sizes) -> None:
        self._scene = scene
        self.sizes = sizes

    def segment(self, branch: Branch, *, root: bool = False) -> _Block:
        """A segment with all that it leads to."""
        sizes = self.sizes
        leading = [
            self._forwarder(branch.segment, name, inner)
            for name, inner in branch.forwarders.items()
        ]
        tall = sum(block.bottom - block.top + sizes.gap for block in leading)
        if len(leading) > 3 and tall > _TALL:
            return self._level(branch, leading)
        return self._upright(branch, leading, root)

    def _upright(self, branch: Branch, leading: Sequence[_Block], root: bool) -> _Block:
        """An upright bar: hosts beside it, then what it leads to."""
        sizes, name = self.sizes, branch.segment
        zone = self._scene.segments[name].zone
        outer = _column(self._cards(branch.outer if root else []), sizes.gap)
        before = sizes.card + sizes.reach * 0.7 if outer.cards else 0.0
        axis = sizes.pad + before + (0 if before else sizes.pad)
        hosts = self._hosts(name, [*branch.hosts, *([] if root else branch.outer)], axis)
        inside = max(hosts.width, axis + sizes.pad * 2, self._title(name))
        onward = _piled(leading, sizes.gap * 1.6).moved(inside + sizes.pad, 0)
        parts = [part for part in (hosts, onward) if part.cards]
        whole = _Block()
        ends: list[float] = []
        for part in parts:
            moved = part.moved(0, whole.bottom + sizes.gap - part.top if ends else -part.top)
            ends += [
                y
                for link, points in moved.links.items()
                if link[1] == name
                for y in (points[0][1],)
            ]
            whole.take(moved)
        middle = (min(ends) + max(ends)) / 2 if ends else 0.0
        half = max(
            (max(ends) - min(ends)) / 2 + sizes.card * 0.16 if ends else 0,
            (outer.bottom - outer.top) / 2,
            sizes.head * 0.75,
        )
        out = outer.moved(sizes.pad, middle - (outer.top + outer.bottom) / 2)
        whole.take(replace(out, width=0))
        for node, card in out.cards.items():
            whole.links[node, name] = ((axis, card.middle[1]), (card.right, card.middle[1]))
        whole.links |= {
            link: ((axis, points[0][1]), *points[1:])
            for link, points in whole.links.items()
            if link[1] == name and link[0] not in out.cards
        }
        whole.bars[name] = Bar((axis, middle - half), (axis, middle + half))
        up = min([middle - half, *(c.y for n, c in hosts.cards.items())], default=middle - half)
        top = min(middle - half, min((whole.cards[n].y for n in hosts.cards), default=up))
        bottom = max(
            middle + half, max((whole.cards[n].bottom for n in hosts.cards), default=middle + half)
        )
        box = Rect(0, top - sizes.header, inside, bottom - top + sizes.header + sizes.pad)
        whole.zones.insert(0, (zone, box))
        whole.titles[name] = (box.x, box.y)
        whole.top, whole.bottom = min(whole.top, box.y), max(whole.bottom, box.bottom)
        whole.width = max(whole.width, inside)
        whole.entry = middle
        return whole

    def _title(self, name: str) -> float:
        """How wide the words above a bar are."""
        segment = self._scene.segments[name]
        if self.sizes.dense:
            told = min(len(segment.name), 26) + sum(map(len, segment.prefixes[:1]))
            return told * 5.5 + self.sizes.pad * 3
        longest = max(map(len, (segment.name, *segment.prefixes)))
        return min(longest, 26) * 7 + self.sizes.pad * 2

    def _level(self, branch: Branch, leading: Sequence[_Block]) -> _Block:
        """A level bar: what it leads to stands below it, in columns along drops."""
        sizes, name = self.sizes, branch.segment
        zone = self._scene.segments[name].zone
        columns = min(
            (_columns(leading, count, sizes) for count in range(1, len(leading) + 1)),
            key=lambda found: abs(_extent(found, sizes)[0] / _extent(found, sizes)[1] - _ASPECT),
        )
        hosts = self._hosts(name, [*branch.hosts, *branch.outer], sizes.pad, wide=True)
        axis = sizes.header
        below = axis + sizes.pad + (hosts.bottom - hosts.top + sizes.gap if hosts.cards else 0)
        whole = _Block()
        if hosts.cards:
            moved = hosts.moved(0, axis + sizes.pad - hosts.top)
            moved.links = {
                link: ((points[0][0], axis), *points) for link, points in moved.links.items()
            }
            whole.take(moved)
        x = sizes.pad * 2
        drops: list[tuple[Point, Point]] = []
        for column in columns:
            pile = _piled(column, sizes.gap).moved(x + sizes.reach, below + sizes.gap * 2)
            ends = [points for link, points in pile.links.items() if link[1] == name]
            last = max(points[0][1] for points in ends)
            drops.append(((x, axis), (x, last)))
            pile.links |= {
                link: ((x, axis), (x, points[0][1]), *points[1:])
                for link, points in pile.links.items()
                if link[1] == name
            }
            whole.take(pile)
            x = pile.width + sizes.between
        whole.bars[name] = Bar((sizes.pad, axis), (x - sizes.between, axis), tuple(drops))
        box = Rect(0, 0, max(x - sizes.between, hosts.width) + sizes.pad, below)
        whole.zones.insert(0, (zone, box))
        whole.titles[name] = (box.x, box.y)
        whole.width = max(whole.width, box.right)
        whole.top, whole.entry = 0, axis
        return whole

    def _forwarder(self, above: str, name: str, inner: Sequence[Branch]) -> _Block:
        """A forwarder with the segments behind it; its link to the one above starts at x 0."""
        sizes = self.sizes
        behind = [self.segment(branch) for branch in inner]
        card = self._card(name)
        left = sizes.between
        across = left + card.width + sizes.between
        pile = _piled(behind, sizes.gap * 1.4).moved(across, 0)
        middle = pile.entry if behind else card.height / 2
        entries = [self._entry(pile, branch.segment) for branch in inner]
        placed = card.moved(left, middle - card.height / 2)
        pile.take(_Block(top=placed.y, bottom=placed.bottom, width=placed.right))
        pile.cards[name] = placed
        pile.links[name, above] = ((0, middle), (left, middle))
        turn = placed.right + sizes.between / 2
        for branch, (x, y) in zip(inner, entries, strict=True):
            way: list[Point] = [(x, y), (turn, y), (turn, middle), (placed.right, middle)]
            pile.links[name, branch.segment] = tuple(way if y != middle else (way[0], way[3]))
        pile.zones = _joined(pile.zones, inner, self._scene)
        pile.entry = middle
        return pile

    @staticmethod
    def _entry(block: _Block, segment: str) -> Point:
        bar = block.bars[segment]
        if bar.level:
            return bar.start
        return bar.start[0], (bar.start[1] + bar.end[1]) / 2

    def _card(self, name: str) -> Rect:
        sizes = self.sizes
        lines = len(card_lines(self._scene.nodes[name], sizes))
        return Rect(0, 0, sizes.card, sizes.head + lines * sizes.line + (0 if sizes.dense else 8))

    def _cards(self, names: Iterable[str]) -> dict[str, Rect]:
        return {name: self._card(name) for name in names}

    def _hosts(
        self, segment: str, names: Sequence[str], axis: float, *, wide: bool = False
    ) -> _Block:
        """The nodes on a bar: one column beside it, or rows on rungs where there are many."""
        sizes, cards = self.sizes, self._cards(names)
        if not wide and len(names) <= (4 if sizes.dense else 8):
            column = _column(cards, sizes.gap).moved(axis + sizes.reach, 0)
            for name, card in column.cards.items():
                column.links[name, segment] = (
                    (axis, card.middle[1]),
                    (card.x, card.middle[1]),
                )
            column.width += sizes.pad
            return column
        across = 12 if wide else max(2, min(8, round((len(names) * 0.45) ** 0.5 + 0.8)))
        found = _Block()
        rung = sizes.gap + 4
        y = 0.0
        for start in range(0, len(names), across):
            row = names[start : start + across]
            for place_, name in enumerate(row):
                x = axis + sizes.pad * 2 + place_ * (sizes.card + sizes.gap)
                card = cards[name].moved(x, y + rung)
                found.cards[name] = card
                drop = card.x + 10
                found.links[name, segment] = ((axis, y + 4), (drop, y + 4), (drop, card.y))
                found.width = max(found.width, card.right + sizes.pad)
            y += rung + max(cards[name].height for name in row)
        found.bottom = y
        return found


def _column(cards: Mapping[str, Rect], gap: float) -> _Block:
    found = _Block()
    for name, card in cards.items():
        moved = card.moved(0, found.bottom + (gap if found.cards else 0))
        found.cards[name] = moved
        found.bottom, found.width = moved.bottom, max(found.width, moved.right)
    return found


def _columns(blocks: Sequence[_Block], count: int, sizes: Sizes) -> list[list[_Block]]:
    """Blocks in so many columns of about the same height, in order."""
    target = sum(b.bottom - b.top + sizes.gap for b in blocks) / count
    found: list[list[_Block]] = [[]]
    height = 0.0
    for block in blocks:
        own = block.bottom - block.top + sizes.gap
        if found[-1] and height + own / 2 > target and len(found) < count:
            found.append([])
            height = 0
        found[-1].append(block)
        height += own
    return found


def _extent(columns: Sequence[Sequence[_Block]], sizes: Sizes) -> Point:
    width = sum(max(b.width for b in column) + sizes.between + sizes.reach for column in columns)
    return width, max(sum(b.bottom - b.top + sizes.gap for b in column) for column in columns)


def _joined(
    zones: list[tuple[str, Rect]], inner: Sequence[Branch], scene: Scene
) -> list[tuple[str, Rect]]:
    """Boxes of one zone that stand below one another behind the same forwarder as one."""
    found: list[tuple[str, Rect]] = []
    left = min((box.x for _, box in zones), default=0)
    own = {scene.segments[branch.segment].zone for branch in inner}
    for zone, box in zones:
        known = next(
            (
                n
                for n, (other, b) in enumerate(found)
                if other == zone and zone in own and b.x == box.x == left
            ),
            None,
        )
        if known is None:
            found.append((zone, box))
        else:
            found[known] = (zone, found[known][1].around(box))
    return found


def _detour(card: Rect, bar: Bar) -> tuple[Point, ...]:
    """A link that closes a circle: from the bar to below the card."""
    x, y = card.middle[0], card.bottom + 10
    if bar.level:
        return (x, bar.start[1]), (x, y), (x, card.bottom)
    axis = bar.start[0]
    low, high = bar.start[1], bar.end[1]
    if low <= y <= high:
        return (axis, y), (x, y), (x, card.bottom)
    return (axis, high if y > high else low), (axis, y), (x, y), (x, card.bottom)
