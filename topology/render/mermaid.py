"""A network as a Mermaid flowchart: zones as boxes, segments and nodes, flows as thick arrows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from topology.render.diff.escape import mermaid_text
from topology.render.lanes import arrows
from topology.resolve.types import Kind
from topology.scene.types import Mark, Scene, SceneNode

__all__ = ["mermaid"]

_SHAPES = {
    Kind.DNS: ("[(", ")]"),
    Kind.EXTERNAL: ("((", "))"),
    Kind.FIREWALL: ("{{", "}}"),
    Kind.ROUTER: ("(", ")"),
    Kind.WEB: ("[", "]"),
}
_CLASSES: Mapping[Mark, str] = {
    Mark.ADDED: "stroke:#1a7f37,stroke-width:3px",
    Mark.REMOVED: "stroke:#cf222e,stroke-width:3px,stroke-dasharray:6 4",
    Mark.CHANGED: "stroke:#9a6700,stroke-width:3px,stroke-dasharray:2 2",
}
_WIRES = {Mark.SAME: "---", Mark.ADDED: "---", Mark.REMOVED: "-.-", Mark.CHANGED: "---"}


def mermaid(scene: Scene) -> str:
    """A flowchart; a node that joins zones stands outside their boxes."""
    return "\n".join(("flowchart LR", *_lines(scene))) + "\n"


def _lines(scene: Scene) -> Iterator[str]:
    zones = sorted({segment.zone for segment in scene.segments.values()})
    inside = {
        name: {scene.segments[i.segment].zone for i in node.interfaces}
        for name, node in scene.nodes.items()
    }
    for zone in zones:
        yield f'  subgraph zone_{_id(zone)}["{mermaid_text(zone)}"]'
        for segment in scene.segments.values():
            if segment.zone == zone:
                told = "<br>".join(map(mermaid_text, (segment.name, *segment.prefixes)))
                box = f'[/"{_sign(segment.mark)}{told}"/]{_look(segment.mark)}'
                yield f"    segment_{_id(segment.name)}{box}"
        for name, node in scene.nodes.items():
            if inside[name] == {zone}:
                yield f"    {_node(node)}"
        yield "  end"
    for name, node in scene.nodes.items():
        if len(inside[name]) != 1:
            yield f"  {_node(node)}"
    for name, node in scene.nodes.items():
        for interface in node.interfaces:
            told = _sign(interface.mark) + "<br>".join(map(mermaid_text, interface.addresses))
            wire = _WIRES[interface.mark]
            yield f'  node_{_id(name)} {wire}|"{told}"| segment_{_id(interface.segment)}'
    shown, left = arrows(scene)
    for arrow in shown:
        head = "-.->" if arrow.mark is Mark.REMOVED else "==>"
        told = mermaid_text(f"{arrow.mark.symbol}{arrow.text}")
        yield f'  node_{_id(arrow.source)} {head}|"{told}"| node_{_id(arrow.destination)}'
    if left:
        yield f"  %% and {left} more flows: topology reach"
    marks = {node.mark for node in scene.nodes.values()}
    marks |= {segment.mark for segment in scene.segments.values()}
    for mark, look in _CLASSES.items():
        if mark in marks:
            yield f"  classDef {mark.value} {look}"


def _node(node: SceneNode) -> str:
    left, right = _SHAPES[node.kind]
    told = f"{_sign(node.mark)}{mermaid_text(node.name)}<br>{node.kind}"
    return f'node_{_id(node.name)}{left}"{told}"{right}{_look(node.mark)}'


def _sign(mark: Mark) -> str:
    return mermaid_text(f"{mark.symbol} ") if mark.symbol else ""


def _look(mark: Mark) -> str:
    return f":::{mark.value}" if mark is not Mark.SAME else ""


def _id(name: str) -> str:
    """Names hold letters, digits and hyphens; Mermaid reads a hyphen as part of an arrow."""
    return name.replace("-", "_")
