"""A network as one HTML file that asks for nothing else: map, matrix, explanations, search."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping

from topology.diff.view import View
from topology.render.diff.escape import html_text
from topology.render.icons import icon
from topology.render.lanes import legend, tracks_of
from topology.render.palette import asset, page_style
from topology.render.svg import Page, drawing, near_lines, wires_of
from topology.scene.build import compared_scene, scene
from topology.scene.facts import Json, facts
from topology.scene.flows import flows_of
from topology.scene.geometry import Layout
from topology.scene.layout import place
from topology.scene.types import Scene, SceneNode

__all__ = ["page"]

_SCRIPTS = ("data.js", "trace.js", "map.js", "panel.js", "matrix.js", "page.js")
_WIDE, _HIGH = 2700, 1500
"""A larger map has letters that cannot be read in a usual window: they are not laid out at first.

The script decides anew once it knows the window (`setUpSize` in map.js)."""

_HINTS = (
    (
        "Choose a node for what it has: interfaces, routes, rules, records, each with its line in "
        "the file."
    ),
    "Choose a second one for the way from the first to it, hop by hop.",
)
_KEYS = (
    "Keys: / search, arrows from node to node, Enter chooses, Escape takes back, "
    "+ \N{MINUS SIGN} 0 the map's size."
)

_TABS = (("map", "Map"), ("matrix", "Matrix"), ("nodes", "Nodes"))


def page(view: View, old: View | None = None) -> str:
    """The whole file; with `old`, what differs from it is marked. Sides are valid."""
    if view.resolved is None:
        raise ValueError("the topology is invalid")
    pairs = flows_of(view.resolved)
    drawn = (
        scene(view.resolved, view.declared, pairs)
        if old is None
        else compared_scene(old, view, pairs)
    )
    layout = place(drawn)
    document = facts(view, drawn, pairs, old)
    document["wires"] = [
        [[node, segment] for node, segment in links] for links in wires_of(drawn, layout).values()
    ]
    if layout.sizes.dense and _far(layout):
        near = near_lines(drawn, layout)
        document["near"] = {name: [address, mark] for name, (address, mark) in near.items()}
    return "\n".join(_page(drawn, layout, document)) + "\n"


def _page(drawn: Scene, layout: Layout, document: Mapping[str, Json]) -> Iterator[str]:
    style = f"\n{page_style('picture.css')}{page_style('page.css')}"
    script = _ascii('\n"use strict";\n' + "\n".join(map(asset, _SCRIPTS)))
    # What runs is what was written here: neither names nor anything else can add to it.
    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; "
        f"style-src '{_hash(style)}'; script-src '{_hash(script)}'"
    )
    # All is ASCII, for which browsers have faster ways; the script asks for nothing at first that
    # is not here already. `expect` has all of it drawn once, not in parts as they come.
    html = (
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<link rel="icon" href="data:,">',
        '<link rel="expect" href="#end" blocking="render">',
        f"<title>{html_text(drawn.name)}: topology</title>",
        f"<style>{style}</style></head><body>",
        *_header(drawn),
        "<main>",
        *_map(drawn, layout),
        # What is not seen at first is not made before it is.
        *_matrix(document),
        '<section id="nodes" data-view="nodes" role="tabpanel" aria-labelledby="tab-nodes" hidden>',
        "</section></main>",
        *_panel(drawn),
        f'<script type="application/json" id="data">{_embedded(document)}</script>',
    )
    yield from (line.encode("ascii", "xmlcharrefreplace").decode() for line in html)
    yield f"<script>{script}</script>"
    yield '<span id="end" hidden></span>'
    yield "</body></html>"


def _header(drawn: Scene) -> Iterator[str]:
    told = f" <small>{html_text(f'{drawn.old} → {drawn.new}')}</small>" if drawn.compared else ""
    yield f"<header><h1>{html_text(drawn.name)}{told}</h1>"
    yield (
        '<input type="search" id="search" placeholder="Search name, address, zone  ( / )" '
        'aria-label="Search by name, address, zone or kind" autocomplete="off" spellcheck="false">'
    )
    zones = sorted({segment.zone for segment in drawn.segments.values()})
    yield '<select id="zone" aria-label="Zone"><option value="">all zones</option>'
    yield "".join(f"<option>{html_text(zone)}</option>" for zone in zones)
    yield "</select>"
    yield f'<span id="found" role="status">{len(drawn.nodes)} nodes</span>'
    yield '<div class="tabs" role="tablist" aria-label="View">'
    for number, (tab, label) in enumerate(_TABS):
        yield (
            f'<button type="button" role="tab" id="tab-{tab}" data-tab="{tab}" '
            f'aria-controls="{tab}" aria-selected="{"false" if number else "true"}" '
            f'tabindex="{-1 if number else 0}">{label}</button>'
        )
    yield "</div>"
    yield '<button type="button" id="theme" class="end" aria-pressed="false">Dark</button></header>'


def _far(layout: Layout) -> bool:
    return max(layout.width / _WIDE, layout.height / _HIGH) > 1


def _map(drawn: Scene, layout: Layout) -> Iterator[str]:
    words = legend(drawn, tracks_of(drawn, layout))
    yield '<section id="map" data-view="map" role="tabpanel" aria-labelledby="tab-map">'
    yield '<div class="tools" role="group" aria-label="Size of the map">'
    for key, sign, label in (
        ("closer", "+", "Closer"),
        ("farther", "\N{MINUS SIGN}", "Farther"),
        ("fit", "Fit", "Whole map"),
    ):
        yield f'<button type="button" id="{key}" aria-label="{label}">{sign}</button>'
    yield "</div>"
    far = _far(layout)
    yield (
        f'<svg viewBox="0 0 {layout.width:.0f} {layout.height:.0f}" role="group" '
        f'class="{"far" if far else ""}" '
        'aria-label="Map of the network; arrow keys go from node to node">'
    )
    labels = {name: _label(drawn, node) for name, node in drawn.nodes.items()}
    yield from drawing(drawn, layout, Page(far, labels))
    yield "</svg>"
    if far and layout.sizes.dense:
        yield '<template id="icons"><svg>'
        for kind in dict.fromkeys(node.kind for node in drawn.nodes.values()):
            yield f'<g class="icon" data-kind="{kind.value}">{icon(kind)}</g>'
        yield "</svg></template>"
    yield '<div id="legend">'
    yield (
        f'<svg viewBox="0 0 {words.width:.0f} {words.height:.0f}" width="{words.width:.0f}" '
        f'height="{words.height:.0f}" role="img" aria-label="What the lines of flows mean">'
    )
    yield from words.lines
    yield "</svg></div></section>"


def _label(drawn: Scene, node: SceneNode) -> str:
    """What a card is called where it is not seen."""
    zones = dict.fromkeys(drawn.segments[i.segment].zone for i in node.interfaces)
    addresses = (address for i in node.interfaces for address in i.addresses)
    mark = node.mark.value if node.mark.symbol else ""
    said = (node.name, node.kind.value, f"zone {', '.join(zones)}", ", ".join(addresses), mark)
    return "; ".join(filter(None, said))


def _matrix(document: Mapping[str, Json]) -> Iterator[str]:
    matrices = document["matrices"]
    assert isinstance(matrices, dict)
    yield (
        '<section id="matrix" data-view="matrix" role="tabpanel" aria-labelledby="tab-matrix" '
        "hidden>"
    )
    yield '<label>Rows and columns <select id="by">'
    yield "".join(f'<option value="{by}">by {by}</option>' for by in matrices)
    yield '</select></label><div id="grid"></div></section>'


def _panel(drawn: Scene) -> Iterator[str]:
    """The panel while nothing is chosen."""
    yield '<aside id="panel" aria-live="polite" aria-label="Details" tabindex="-1">'
    yield f"<h2>{html_text(drawn.name)}</h2>"
    yield from (f"<p>{html_text(hint)}</p>" for hint in _HINTS)
    yield f'<p class="hint">{html_text(_KEYS)}</p></aside>'


def _embedded(document: Mapping[str, Json]) -> str:
    """JSON that ends no element and is no markup, whatever it says."""
    text = json.dumps(document, ensure_ascii=True, separators=(",", ":"), sort_keys=True)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _ascii(script: str) -> str:
    """A script whose other signs, which stand in strings and remarks only, are escaped.

    >>> _ascii('"\N{RIGHTWARDS ARROW}"')
    '"\\\\u2192"'
    """
    return "".join(sign if sign.isascii() else f"\\u{ord(sign):04x}" for sign in script)


def _hash(text: str) -> str:
    """What a policy knows a style or script by (CSP level 3, section 2.3.1)."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
