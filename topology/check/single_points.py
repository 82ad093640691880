"""Forwarders that the network falls apart without: worth knowing, and often meant."""

from __future__ import annotations

from collections.abc import Iterator

from topology.check.finding import remark
from topology.diagnostics import Code, Diagnostic
from topology.graph import cut_forwarders
from topology.resolve.types import ResolvedTopology

__all__ = ["single_points"]


def single_points(topology: ResolvedTopology) -> Iterator[Diagnostic]:
    """A remark for each forwarder whose loss parts segments, with who is cut off from whom."""
    for name, cut_off in cut_forwarders(topology).items():
        yield remark(
            Code.SINGLE_POINT_OF_FAILURE,
            f"without {name}, {', '.join(cut_off[:6])}"
            + (f" and {len(cut_off) - 6} more" if len(cut_off) > 6 else "")
            + " cannot be reached from the rest",
            ("nodes", name),
            on_key=True,
            detail="There is no second path around it.",
            hint="while it is replaced, whoever is behind it is cut off",
        )
