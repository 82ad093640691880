"""The network as a Mermaid flowchart: zones as boxes, segments and nodes, interfaces as lines."""

from __future__ import annotations

from collections.abc import Iterator

from topology.resolve.types import Kind, ResolvedNode, ResolvedTopology

__all__ = ["mermaid"]

_SHAPES = {
    Kind.DNS: ("[(", ")]"),
    Kind.EXTERNAL: ("((", "))"),
    Kind.FIREWALL: ("{{", "}}"),
    Kind.ROUTER: ("(", ")"),
    Kind.WEB: ("[", "]"),
}


def mermaid(topology: ResolvedTopology) -> str:
    """A flowchart; a node that joins zones stands outside their boxes."""
    return "\n".join(("flowchart LR", *_lines(topology))) + "\n"


def _lines(topology: ResolvedTopology) -> Iterator[str]:
    zones = sorted({segment.zone for segment in topology.segments.values()})
    inside = {name: {i.zone for i in node.interfaces} for name, node in topology.nodes.items()}
    for zone in zones:
        yield f'  subgraph zone_{_id(zone)}["{zone}"]'
        for segment in topology.segments.values():
            if segment.zone == zone:
                prefixes = "<br>".join(map(str, segment.prefixes))
                yield f'    segment_{_id(segment.name)}[/"{segment.name}<br>{prefixes}"/]'
        for name, node in topology.nodes.items():
            if inside[name] == {zone}:
                yield f"    {_node(node)}"
        yield "  end"
    for name, node in topology.nodes.items():
        if len(inside[name]) > 1:
            yield f"  {_node(node)}"
    for name, node in topology.nodes.items():
        for interface in node.interfaces:
            addresses = "<br>".join(str(a.ip) for a in interface.addresses)
            yield f'  node_{_id(name)} ---|"{addresses}"| segment_{_id(interface.segment)}'


def _node(node: ResolvedNode) -> str:
    left, right = _SHAPES[node.kind]
    return f'node_{_id(node.name)}{left}"{node.name}<br>{node.kind}"{right}'


def _id(name: str) -> str:
    """Names hold letters, digits and hyphens; Mermaid reads a hyphen as part of an arrow."""
    return name.replace("-", "_")
