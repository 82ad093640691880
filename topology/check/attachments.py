"""Nodes are attached to segments that exist and placed where these are."""

from __future__ import annotations

from collections.abc import Iterator

from topology.check.finding import error, warning
from topology.diagnostics import Code, Diagnostic, did_you_mean
from topology.model import Topology
from topology.resolve import Names

__all__ = ["attachments"]


def attachments(topology: Topology) -> Iterator[Diagnostic]:
    """Unknown segments, segments on another host than their nodes, segments nobody is on."""
    for name, node in topology.nodes.items():
        for segment in node.interfaces:
            path = ("nodes", name, "interfaces", segment)
            if segment not in topology.segments:
                yield error(
                    Code.UNKNOWN_NAME,
                    f"there is no segment `{segment}`",
                    path,
                    on_key=True,
                    hint=did_you_mean(segment, topology.segments, "segments"),
                )
            elif topology.segments[segment].host != node.host:
                yield error(
                    Code.PLACED_APART,
                    f"{name} is on host {node.host}, segment {segment} on "
                    f"{topology.segments[segment].host}",
                    path,
                    on_key=True,
                    hint="give both the same `host`",
                )
    for segment, nodes in Names(topology).attached.items():
        if not nodes and segment in topology.segments:
            yield warning(
                Code.UNUSED_NAME,
                f"no node is on segment {segment}",
                ("segments", segment),
                on_key=True,
                hint=f"attach a node to it, or remove {segment}",
            )
