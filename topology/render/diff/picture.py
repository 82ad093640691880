"""Both sides in one Mermaid flowchart: what is new, gone, replaced or cut off is marked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from topology.diff.marks import structure_marks
from topology.diff.types import Action, Diff
from topology.diff.view import View
from topology.render.diff.escape import mermaid_text
from topology.resolve.names import zone_of

__all__ = ["picture"]

_MOST = 40
"""Nodes beyond which only what differs is drawn, with its segments."""

_CLASSES = {
    "added": "stroke:#1a7f37,stroke-width:3px",
    "removed": "stroke:#cf222e,stroke-width:3px,stroke-dasharray:6 4",
    "changed": "stroke:#9a6700,stroke-width:3px",
    "replaced": "stroke:#9a6700,stroke-width:2px,stroke-dasharray:2 2",
}
_SIGNS = {"added": "+ ", "removed": "- ", "changed": "~ ", "replaced": "+- "}
_SHAPES = {
    "dns": ("[(", ")]"),
    "external": ("((", "))"),
    "firewall": ("{{", "}}"),
    "router": ("(", ")"),
    "web": ("[", "]"),
}


@dataclass(frozen=True, slots=True)
class _Marks:
    """What is marked, by the name on the new side (on the old one of what is gone)."""

    nodes: Mapping[str, str]
    segments: Mapping[str, str]


def picture(diff: Diff, old: View, new: View) -> str:
    """The flowchart's text; signs in the labels say what colours say."""
    return "\n".join(("flowchart LR", *_lines(old, new, _marks(diff)))) + "\n"


def _marks(diff: Diff) -> _Marks:
    nodes: dict[str, str] = {}
    segments: dict[str, str] = {}
    for deployment in diff.deployments:
        for one in deployment.nodes:
            if one.action is Action.REPLACE:
                nodes.setdefault(one.node, "replaced")
    marks = structure_marks(diff.structure)
    nodes.update({name: change.value for name, change in marks.nodes.items()})
    segments.update({name: change.value for name, change in marks.segments.items()})
    return _Marks(nodes, segments)


def _lines(old: View, new: View, marks: _Marks) -> Iterator[str]:
    gone = {name for name, mark in marks.nodes.items() if mark == "removed"}
    left = {name for name, mark in marks.segments.items() if mark == "removed"}
    everything = {
        **{n: (old, n) for n in sorted(gone)},
        **{n: (new, n) for n in new.declared.nodes},
    }
    if len(everything) > _MOST:
        everything = {n: found for n, found in everything.items() if n in marks.nodes}
    everything = dict(sorted(everything.items())[:_MOST])
    drawn = {s for view, n in everything.values() for s in view.declared.nodes[n].interfaces}
    segments = {
        name: view
        for view, names in ((new, new.declared.segments), (old, left))
        for name in names
        if name in drawn or name in marks.segments
    }
    numbers = {name: f"s{index}" for index, name in enumerate(sorted(segments))}
    zones = sorted({zone_of(view.declared, name) for name, view in segments.items()})
    for index, zone in enumerate(zones):
        yield f'  subgraph z{index}["{mermaid_text(zone)}"]'
        for name in sorted(segments):
            if zone_of(segments[name].declared, name) == zone:
                prefixes = ", ".join(map(str, segments[name].declared.segments[name].prefixes))
                label = f"{_sign(marks.segments, name)}{mermaid_text(name)}"
                style = _style(marks.segments, name)
                yield f'    {numbers[name]}[/"{label}<br>{mermaid_text(prefixes)}"/]{style}'
        yield "  end"
    for index, (name, (view, own)) in enumerate(everything.items()):
        node = view.declared.nodes[own]
        first, last = _SHAPES[node.kind]
        label = f"{_sign(marks.nodes, name)}{mermaid_text(name)}<br>{node.kind}"
        yield f'  n{index}{first}"{label}"{last}{_style(marks.nodes, name)}'
        for segment in sorted(node.interfaces):
            if segment in numbers:
                yield f"  n{index} --- {numbers[segment]}"
    used = {*marks.nodes.values(), *marks.segments.values()}
    for word, look in _CLASSES.items():
        if word in used:
            yield f"  classDef {word} {look}"


def _sign(marks: Mapping[str, str], name: str) -> str:
    return _SIGNS.get(marks.get(name, ""), "")


def _style(marks: Mapping[str, str], name: str) -> str:
    mark = marks.get(name)
    return f":::{mark}" if mark else ""
