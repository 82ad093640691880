"""The decision tree of many rules as nftables chains: verdict maps, and short lists at the ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from topology.render.decision_tree import Box, Field, Node, tree
from topology.render.nftables_lines import (
    FAMILIES,
    OUTGOING,
    Line,
    Range,
    address_range,
    numbers,
    partial,
)

__all__ = ["branches"]


def branches(
    lines: Sequence[Line], interfaces: Sequence[str], leaf: Callable[[Line], Iterable[str]]
) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """The line that leads into the tree, and the chains that are its branches and leaves.

    `leaf` writes a line of the policy where it stands in a short list.
    """
    waiting: list[tuple[int, Node]] = []

    def chain(family: int, node: Node) -> str:
        waiting.append((family, node))
        return f"tree{len(waiting)}"

    roots = tree([_box(line, interfaces) for line in lines])
    families = [f"{FAMILIES[one][1]} : jump {chain(one, node)}" for one, node in roots.items()]
    chains = []
    # Grows while it is read.
    for number, (family, top) in enumerate(waiting, 1):
        body, node = [], top
        while cut := node.cut:
            members = [
                f"{_value(cut.field, family, ends, interfaces)} : goto {name}"
                for ranges, child in cut.parts
                for name in [chain(family, child)]
                for ends in ranges
            ]
            body.append(f"{_selector(cut.field, family)} vmap {{ {', '.join(members)} }}")
            node = cut.rest
        body += [text for line in node.lines for text in leaf(lines[line])]
        chains.append((f"tree{number}", body))
    return [f"meta nfproto vmap {{ {', '.join(families)} }}"], chains


def _box(line: Line, interfaces: Sequence[str]) -> Box:
    """What a line asks for, in numbers; an interface is its place among all."""
    content, source, destination = line.content, line.source, line.destination
    places = [
        tuple((interfaces.index(one),) * 2 for one in side.interfaces)
        for side in (source, destination)
    ]
    number = None if content.protocol is None else content.protocol.number
    fields = {
        Field.DESTINATION: partial(destination),
        Field.SOURCE: partial(source),
        Field.PORT: content.ports,
        Field.PROTOCOL: () if number is None else ((number, number),),
        Field.INCOMING: places[0],
        Field.OUTGOING: places[1],
    }
    return Box(line.family, {field: ranges for field, ranges in fields.items() if ranges})


def _selector(field: Field, family: int) -> str:
    ip = FAMILIES[family][0]
    return {
        Field.DESTINATION: f"{ip} daddr",
        Field.SOURCE: f"{ip} saddr",
        Field.PORT: "th dport",
        Field.PROTOCOL: "meta l4proto",
        Field.INCOMING: "iifname",
        Field.OUTGOING: OUTGOING,
    }[field]


def _value(field: Field, family: int, ends: Range, interfaces: Sequence[str]) -> str:
    if field in (Field.DESTINATION, Field.SOURCE):
        return address_range(family, ends)
    if field in (Field.INCOMING, Field.OUTGOING):
        return f'"{interfaces[ends[0]]}"'
    return numbers(ends)
