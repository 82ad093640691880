"""Declared addresses lie in their segment's prefixes and belong to one interface."""

from __future__ import annotations

from collections.abc import Iterator

from topology.check.finding import error
from topology.diagnostics import Code, Diagnostic, Path, display_path
from topology.model import Topology
from topology.resolve.types import Address, Prefix

__all__ = ["addresses"]


def addresses(topology: Topology) -> Iterator[Diagnostic]:
    """Addresses outside their segment, that no host may have, or given twice."""
    owners: dict[Address, Path] = {}
    for name, node in topology.nodes.items():
        for segment, interface in node.interfaces.items():
            if segment not in topology.segments:
                continue
            known = topology.segments[segment].prefixes
            for index, address in enumerate(interface.addresses):
                path = ("nodes", name, "interfaces", segment, "addresses", index)
                prefix = next((p for p in known if address in p), None)
                if prefix is None:
                    yield error(
                        Code.ADDRESS_OUTSIDE,
                        f"{address} is not on segment {segment}",
                        path,
                        hint=f"use an address of {' or '.join(map(str, known))}, "
                        "or leave it out to have one derived",
                    )
                elif why := _no_host(address, prefix):
                    yield error(
                        Code.ADDRESS_OUTSIDE,
                        f"{address} is the {why} of {prefix}",
                        path,
                        hint="use another address of the prefix",
                    )
                if address in owners:
                    yield error(
                        Code.DUPLICATE_ADDRESS,
                        f"{address} is given twice",
                        path,
                        detail=f"It was first given at {display_path(owners[address][:4])}.",
                        hint="change one of them, or leave it out to have one derived",
                    )
                owners.setdefault(address, path)


def _no_host(address: Address, prefix: Prefix) -> str:
    if prefix.prefixlen >= prefix.max_prefixlen - 1:
        return ""
    if address == prefix.network_address:
        return "network address" if address.version == 4 else "subnet-router anycast address"
    if address.version == 4 and address == prefix.broadcast_address:
        return "broadcast address"
    return ""
