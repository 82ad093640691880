"""A sign for each kind of node, as paths in a square of twenty."""

from __future__ import annotations

from collections.abc import Mapping

from topology.resolve.types import Kind

__all__ = ["icon"]

_ICONS: Mapping[Kind, str] = {
    Kind.DNS: '<path d="M4 3h9l3 3v11H4zM7 8h6M7 11h6M7 14h4"/>',
    Kind.EXTERNAL: '<path d="M6 15h9a3.5 3.5 0 0 0 .4-7A5 5 0 0 0 6 7.5a3.8 3.8 0 0 0 0 7.5z"/>',
    Kind.FIREWALL: '<path d="M3 4h14v12H3zM3 8h14M3 12h14M10 4v4M6.5 8v4M13.5 8v4M10 12v4"/>',
    Kind.ROUTER: '<circle cx="10" cy="10" r="7.5"/><path d="M5 8.5h7l-2-2M15 11.5H8l2 2"/>',
    Kind.WEB: '<circle cx="10" cy="10" r="7.5"/>'
    '<path d="M2.5 10h15M10 2.5c-4.5 5-4.5 10 0 15M10 2.5c4.5 5 4.5 10 0 15"/>',
}


def icon(kind: Kind) -> str:
    """The paths of a kind's sign."""
    return _ICONS[kind]
