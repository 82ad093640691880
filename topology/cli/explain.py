"""`topology explain`: one flow's way, hop by hop, with the rules and routes that decide."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topology.cli.exits import ExitCode
from topology.cli.options import DEFAULT_FILE, Json, TopologyFile

if TYPE_CHECKING:
    from topology.reach.explain import Explanation
    from topology.resolve import Names
    from topology.resolve.types import Address, Protocol, ResolvedTopology

__all__ = ["explain"]


def explain(
    file: TopologyFile = Path(DEFAULT_FILE),
    source: Annotated[
        str, typer.Option("--from", help="A node, zone or segment.", show_default=False)
    ] = "",
    destination: Annotated[
        str, typer.Option("--to", help="A node, zone, segment or address.", show_default=False)
    ] = "",
    tcp: Annotated[int | None, typer.Option(help="A TCP port.", min=0, max=65535)] = None,
    udp: Annotated[int | None, typer.Option(help="A UDP port.", min=0, max=65535)] = None,
    icmp: Annotated[
        str | None, typer.Option(help="A type of ICMP, by name or number.", show_default=False)
    ] = None,
    source_port: Annotated[
        int, typer.Option(help="The port that the client opens from.", min=0, max=65535)
    ] = 49152,
    json: Json = False,
) -> int:
    """Explain a flow: its path, the rules and routes on it, where it is dropped and why."""
    if not source or not destination or (tcp, udp, icmp).count(None) != 2:
        raise typer.BadParameter("give --from, --to and one of --tcp, --udp and --icmp")
    from topology.pipeline import read_file

    read = read_file(file)
    if read.resolved is None:
        from topology.cli.views.human import print_diagnostics

        print_diagnostics(read.diagnostics)
        return ExitCode.INVALID
    assert read.loaded.topology is not None
    from topology.resolve import Names

    names = Names(read.loaded.topology)
    origin = _node(names, source, "--from")
    addresses = _addresses(read.resolved, names, destination)
    found = _explained(read.resolved, origin, addresses, (tcp, udp, icmp), source_port)
    if not found:
        raise typer.BadParameter(f"{origin} has no address of a family of {destination}")
    from topology.cli.views.explanation import explanation_document, print_explanation

    if json:
        from topology.cli.views.json import print_document

        print_document({"version": 1, "flows": explanation_document(found, read)})
    else:
        print_explanation(found, read)
    return ExitCode.DONE


def _node(names: Names, selector: str, option: str) -> str:
    from topology.diagnostics import did_you_mean

    known = names.is_node(selector) or names.segments(selector)
    nodes = names.nodes([selector]) if known else ()
    if not nodes:
        hint = did_you_mean(selector, names.selectors, "names")
        raise typer.BadParameter(
            f"there is no node, zone or segment `{selector}`: {hint}", param_hint=option
        )
    return nodes[0]


def _addresses(topology: ResolvedTopology, names: Names, destination: str) -> dict[int, Address]:
    """The first address of each family that a destination has."""
    from pydantic_core import PydanticCustomError

    from topology.model.base import parse_address

    try:
        address = parse_address(destination)
    except PydanticCustomError:
        node = topology.nodes[_node(names, destination, "--to")]
        found: dict[int, Address] = {}
        for interface in node.interfaces:
            for each in interface.addresses:
                found.setdefault(each.version, each.ip)
        return found
    return {address.version: address}


def _explained(
    topology: ResolvedTopology,
    origin: str,
    addresses: dict[int, Address],
    service: tuple[int | None, int | None, str | None],
    source_port: int,
) -> list[Explanation]:
    from topology.reach.explain import explain as explain_packet
    from topology.reach.explain import source_address
    from topology.reach.space import Packet
    from topology.resolve.types import Protocol

    tcp, udp, icmp = service
    found = []
    for version, address in sorted(addresses.items()):
        near = source_address(topology, origin, version)
        if near is None:
            continue
        if icmp is not None:
            protocol = Protocol.ICMP if version == 4 else Protocol.ICMPV6
            kind = _icmp_type(protocol, icmp)
            if kind is None:
                continue
            packet = Packet(near, address, protocol, kind)
        else:
            protocol, port = (Protocol.TCP, tcp) if tcp is not None else (Protocol.UDP, udp)
            packet = Packet(near, address, protocol, port, source_port)
        found.append(explain_packet(topology, packet, origin))
    return found


def _icmp_type(protocol: Protocol, text: str) -> int | None:
    """The number of a type; `None` where this family has none of the name."""
    from topology.model.service import ICMP_TYPES

    names = ICMP_TYPES[protocol]
    if text in names:
        return names[text]
    if text.isascii() and text.isdigit() and int(text) <= 255:
        return int(text)
    if any(text in each for each in ICMP_TYPES.values()):
        return None
    known = sorted({name for each in ICMP_TYPES.values() for name in each})
    raise typer.BadParameter(
        f"`{text}` is no type of ICMP: {', '.join(known)}", param_hint="--icmp"
    )
