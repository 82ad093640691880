"""Declared MACs belong to one interface."""

from __future__ import annotations

from collections.abc import Iterator

from topology.check.finding import error
from topology.diagnostics import Code, Diagnostic, Path, display_path
from topology.model import Topology

__all__ = ["macs"]


def macs(topology: Topology) -> Iterator[Diagnostic]:
    """MACs given twice; derived ones never meet a declared one."""
    owners: dict[str, Path] = {}
    for name, node in topology.nodes.items():
        for segment, interface in node.interfaces.items():
            if interface.mac is None:
                continue
            path = ("nodes", name, "interfaces", segment, "mac")
            if interface.mac in owners:
                yield error(
                    Code.DUPLICATE_MAC,
                    f"the MAC {interface.mac} is given twice",
                    path,
                    detail=f"It was first given at {display_path(owners[interface.mac][:4])}.",
                    hint="change one of them, or leave it out to have one derived",
                )
            owners.setdefault(interface.mac, path)
