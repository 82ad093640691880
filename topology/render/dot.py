"""A network for Graphviz: zones as clusters, segments and nodes, allowed flows as arrows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from topology.render.diff.escape import plain
from topology.render.lanes import arrows
from topology.resolve.types import Kind
from topology.scene.types import Mark, Scene, SceneNode

__all__ = ["dot"]

_SHAPES = {
    Kind.DNS: "note",
    Kind.EXTERNAL: "ellipse",
    Kind.FIREWALL: "octagon",
    Kind.ROUTER: "diamond",
    Kind.WEB: "box",
}
_LOOKS: Mapping[Mark, str] = {
    Mark.SAME: "",
    Mark.ADDED: ' color="#1a7f37" penwidth=2.5',
    Mark.REMOVED: ' color="#cf222e" penwidth=2.5 style=dashed',
    Mark.CHANGED: ' color="#9a6700" penwidth=2.5 style=dotted',
}


def dot(scene: Scene) -> str:
    """A graph in the language of Graphviz; a node that joins zones stands outside of clusters."""
    return "\n".join((f"digraph {_quoted(scene.name)} {{", *_lines(scene), "}")) + "\n"


def _lines(scene: Scene) -> Iterator[str]:
    yield '  graph [rankdir=LR fontname="sans-serif" nodesep=0.3 ranksep=0.6]'
    yield '  node [fontname="sans-serif" fontsize=11 shape=box]'
    yield '  edge [fontname="sans-serif" fontsize=9 dir=none]'
    inside = {
        name: {scene.segments[i.segment].zone for i in node.interfaces}
        for name, node in scene.nodes.items()
    }
    for zone in sorted({segment.zone for segment in scene.segments.values()}):
        yield f"  subgraph {_quoted(f'cluster {zone}')} {{"
        yield f"    label={_quoted(zone)} style=rounded color=gray60"
        for name, segment in scene.segments.items():
            if segment.zone == zone:
                told = _label(segment.mark, name, *segment.prefixes)
                look = _LOOKS[segment.mark]
                yield f"    {_quoted(f'segment {name}')} [label={told} shape=underline{look}]"
        for name, node in scene.nodes.items():
            if inside[name] == {zone}:
                yield f"    {_node(node)}"
        yield "  }"
    for name, node in scene.nodes.items():
        if len(inside[name]) != 1:
            yield f"  {_node(node)}"
    for name, node in scene.nodes.items():
        for interface in node.interfaces:
            told = _label(interface.mark, *interface.addresses)
            ends = f"{_quoted(f'segment {interface.segment}')} -> {_quoted(f'node {name}')}"
            yield f"  {ends} [label={told}{_LOOKS[interface.mark]}]"
    shown, left = arrows(scene)
    for arrow in shown:
        ends = f"{_quoted(f'node {arrow.source}')} -> {_quoted(f'node {arrow.destination}')}"
        look = _LOOKS[arrow.mark] or ' color="#1d5fd1" fontcolor="#1d5fd1"'
        told = _label(arrow.mark, arrow.text)
        yield f"  {ends} [label={told} dir=forward constraint=false{look}]"
    if left:
        yield f"  // and {left} more flows: topology reach"


def _node(node: SceneNode) -> str:
    told = _label(node.mark, node.name, node.kind.value)
    shape = _SHAPES[node.kind]
    return f"{_quoted(f'node {node.name}')} [label={told} shape={shape}{_LOOKS[node.mark]}]"


def _label(mark: Mark, *lines: str) -> str:
    sign = f"{mark.symbol} " if mark.symbol else ""
    return f'"{sign}' + "\\n".join(map(_escaped, lines)) + '"'


def _quoted(text: str) -> str:
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    return plain(text).replace("\\", "\\\\").replace('"', '\\"')
