"""Cost against size as an SVG: logarithmic axes, a line a stage, nothing but text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from topology.bench.engine import Cost

__all__ = ["plot"]

_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 360, 260, 52, 34, 40
_COLOURS = {
    "load": "#4477aa",
    "resolve": "#66ccee",
    "check": "#228833",
    "prove": "#ee6677",
    "explain": "#aa3377",
}
"""P. Tol's bright scheme, which colour-blind readers can tell apart."""


def plot(costs: Sequence[Cost]) -> str:
    """Seconds of each stage against nodes, and beside it against rules."""
    panels = [("network", "nodes"), ("firewall", "rules on one firewall")]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * _WIDTH + 20} {_HEIGHT + 24}">',
        "<style>text { font: 11px sans-serif }</style>",
        "<title>What the engine costs against size</title>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
    ]
    for number, (kind, label) in enumerate(panels):
        chosen = [cost for cost in costs if cost.kind == kind]
        if chosen:
            parts.append(f'<g transform="translate({number * (_WIDTH + 10)},0)">')
            parts.extend(_panel(chosen, label))
            parts.append("</g>")
    parts.extend(_legend())
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def _panel(costs: Sequence[Cost], label: str) -> Iterable[str]:
    sizes = [math.log10(cost.size) for cost in costs]
    low, high = math.floor(min(sizes)), math.ceil(max(sizes))
    bottom, top = -4, 2
    right, base = _WIDTH - 10, _HEIGHT - _BOTTOM

    def x(size: float) -> float:
        return _LEFT + (math.log10(size) - low) / max(high - low, 1) * (right - _LEFT)

    def y(seconds: float) -> float:
        value = math.log10(max(seconds, 10**bottom))
        return base - (value - bottom) / (top - bottom) * (base - _TOP)

    for power in range(bottom, top + 1):
        at = y(10**power)
        yield f'<line x1="{_LEFT}" x2="{right}" y1="{at:.1f}" y2="{at:.1f}" stroke="#dddddd"/>'
        yield f'<text x="{_LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{10.0**power:g} s</text>'
    for power in range(low, high + 1):
        at = x(10**power)
        yield f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{_TOP}" y2="{base}" stroke="#dddddd"/>'
        yield f'<text x="{at:.1f}" y="{base + 16}" text-anchor="middle">{10**power:,}</text>'
    middle = (_LEFT + right) / 2
    yield f'<text x="{middle}" y="{base + 32}" text-anchor="middle">{label}</text>'
    for stage, colour in _COLOURS.items():
        points = " ".join(f"{x(c.size):.1f},{y(_seconds(c)[stage]):.1f}" for c in costs)
        yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
        yield from (
            f'<circle cx="{x(c.size):.1f}" cy="{y(_seconds(c)[stage]):.1f}" r="2.5" '
            f'fill="{colour}"/>'
            for c in costs
        )


def _seconds(cost: Cost) -> Mapping[str, float]:
    return {stage: getattr(cost, stage) for stage in _COLOURS}


def _legend() -> Iterable[str]:
    for number, (stage, colour) in enumerate(_COLOURS.items()):
        at = _LEFT + number * 90
        yield f'<rect x="{at}" y="10" width="12" height="12" fill="{colour}"/>'
        yield f'<text x="{at + 17}" y="20">{stage}</text>'
