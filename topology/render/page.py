"""A network as one HTML file that asks for nothing else: map, matrix, explanations, search."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator

from topology.diff.view import View
from topology.render.diff.escape import html_text
from topology.render.lanes import legend, tracks_of
from topology.render.palette import asset, page_style
from topology.render.svg import drawing
from topology.scene.build import compared_scene, scene
from topology.scene.facts import Json, facts
from topology.scene.flows import flows_of
from topology.scene.layout import place
from topology.scene.types import Scene

__all__ = ["page"]

_SCRIPTS = ("data.js", "trace.js", "map.js", "panel.js", "matrix.js", "page.js")
_WIDE, _HIGH = 2700, 1500
"""A larger map has letters that cannot be read in a usual window: they are not laid out at first.

The script decides anew once it knows the window (`look` in map.js)."""

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
    return "\n".join(_page(drawn, facts(view, drawn, pairs, old))) + "\n"


def _page(drawn: Scene, document: Json) -> Iterator[str]:
    style = f"\n{page_style('picture.css')}{page_style('page.css')}"
    script = '\n"use strict";\n' + "\n".join(map(asset, _SCRIPTS))
    # What runs is what was written here: neither names nor anything else can add to it.
    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; "
        f"style-src '{_hash(style)}'; script-src '{_hash(script)}'"
    )
    name = html_text(drawn.name)
    yield "<!doctype html>"
    yield '<html lang="en"><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<link rel="icon" href="data:,">'
    yield f"<title>{name}: topology</title>"
    yield f"<style>{style}</style></head><body>"
    yield from _header(drawn)
    yield "<main>"
    yield from _map(drawn)
    # What is not seen at first is not laid out before the map is.
    yield (
        '<section id="matrix" data-view="matrix" role="tabpanel" aria-labelledby="tab-matrix" '
        "hidden>"
    )
    yield '<label>Rows and columns <select id="by"></select></label><div id="grid"></div>'
    yield "</section>"
    yield from _nodes(drawn)
    yield "</main>"
    yield '<aside id="panel" aria-live="polite" aria-label="Details" tabindex="-1"></aside>'
    yield f'<script type="application/json" id="data">{_embedded(document)}</script>'
    yield f"<script>{script}</script>"
    yield "</body></html>"


def _header(drawn: Scene) -> Iterator[str]:
    told = f" <small>{html_text(f'{drawn.old} → {drawn.new}')}</small>" if drawn.compared else ""
    yield f"<header><h1>{html_text(drawn.name)}{told}</h1>"
    yield (
        '<input type="search" id="search" placeholder="Search name, address, zone  ( / )" '
        'aria-label="Search by name, address, zone or kind" autocomplete="off" spellcheck="false">'
    )
    yield '<select id="zone" aria-label="Zone"><option value="">all zones</option></select>'
    yield '<span id="found" role="status"></span>'
    yield '<div class="tabs" role="tablist" aria-label="View">'
    for tab, label in _TABS:
        yield (
            f'<button type="button" role="tab" id="tab-{tab}" data-tab="{tab}" '
            f'aria-controls="{tab}">{label}</button>'
        )
    yield "</div>"
    yield '<button type="button" id="theme" class="end" aria-pressed="false">Dark</button></header>'


def _map(drawn: Scene) -> Iterator[str]:
    layout = place(drawn)
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
    far = ' class="far"' if max(layout.width / _WIDE, layout.height / _HIGH) > 1 else ""
    yield (
        f'<svg viewBox="0 0 {layout.width:.0f} {layout.height:.0f}"{far} role="group" '
        'aria-label="Map of the network; arrow keys go from node to node">'
    )
    yield from drawing(drawn, layout)
    yield "</svg>"
    yield '<div id="legend">'
    yield (
        f'<svg viewBox="0 0 {words.width:.0f} {words.height:.0f}" width="{words.width:.0f}" '
        f'height="{words.height:.0f}" role="img" aria-label="What the lines of flows mean">'
    )
    yield from words.lines
    yield "</svg></div></section>"


def _nodes(drawn: Scene) -> Iterator[str]:
    yield (
        '<section id="nodes" data-view="nodes" role="tabpanel" aria-labelledby="tab-nodes" hidden>'
    )
    yield "<table><caption>Every node</caption><thead><tr>"
    yield "".join(f'<th scope="col">{head}</th>' for head in ("node", "kind", "zone", "addresses"))
    yield "</tr></thead><tbody>"
    for name, node in drawn.nodes.items():
        zones = dict.fromkeys(drawn.segments[i.segment].zone for i in node.interfaces)
        sign = f"{node.mark.symbol} " if node.mark.symbol else ""
        addresses = " ".join(address for i in node.interfaces for address in i.addresses)
        yield (
            f'<tr data-row="{html_text(name)}"><td><button type="button">{sign}{html_text(name)}'
            f"</button></td><td>{node.kind.value}</td><td>{html_text(', '.join(zones))}</td>"
            f"<td>{html_text(addresses)}</td></tr>"
        )
    yield "</tbody></table></section>"


def _embedded(document: Json) -> str:
    """JSON that ends no element and is no markup, whatever it says."""
    text = json.dumps(document, ensure_ascii=True, separators=(",", ":"), sort_keys=True)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _hash(text: str) -> str:
    """What a policy knows a style or script by (CSP level 3, section 2.3.1)."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
