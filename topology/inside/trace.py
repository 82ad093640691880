"""What becomes of a dropped packet by the model, beside what a node said of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import TypeAlias

from topology.inside.lines import Line
from topology.inside.rules import Rules
from topology.reach.explain import explain
from topology.reach.space import Packet
from topology.reach.story import deciding
from topology.reach.trace import End, trace
from topology.render.nftables import REVERSE_PATH
from topology.resolve import Names
from topology.resolve.types import Protocol, ResolvedTopology

__all__ = ["Model", "Wanted", "model_of", "prefixes_of"]

_CLIENT_PORT = 49152

Prefixes: TypeAlias = frozenset[str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which packets are asked about; an empty set and `None` mean any."""

    source: Prefixes = frozenset()
    destination: Prefixes = frozenset()
    protocols: frozenset[str] = frozenset()
    port: int | None = None

    def fits(self, line: Line) -> bool:
        """Whether a drop is one of these."""
        told = line.fields
        if self.protocols and told.get("protocol") not in self.protocols:
            return False
        if self.port is not None and told.get("port") != self.port:
            return False
        return _within(told.get("source"), self.source) and _within(
            told.get("destination"), self.destination
        )


@dataclass(frozen=True, slots=True)
class Model:
    """What the model says: whether it drops such a packet too, by what, and where that stands."""

    agrees: bool | None
    text: str
    place: str = ""


def prefixes_of(names: Names, topology: ResolvedTopology, selector: str) -> Prefixes:
    """The addresses that a node, zone, segment or address means; empty for an unknown name."""
    try:
        return frozenset({str(ip_network(selector, strict=False))})
    except ValueError:
        pass  # a name, then
    found = {
        str(address.ip)
        for name in (names.nodes([selector]) if _known(names, selector) else ())
        for interface in topology.nodes[name].interfaces
        for address in interface.addresses
    }
    segments = names.segments(selector) if _known(names, selector) else ()
    found |= {str(p) for name in segments for p in topology.segments[name].prefixes}
    return frozenset(found)


def model_of(line: Line, rules: Rules) -> Model:
    """What the model says of the first packet of the flow that a drop belongs to."""
    topology = rules.resolved
    told = line.fields
    if topology is None:
        return Model(None, "the topology that was applied cannot be resolved")
    try:
        protocol = Protocol(str(told["protocol"]))
        source, destination = ip_address(told["source"]), ip_address(told["destination"])
    except (KeyError, ValueError):
        return Model(None, f"it does not know {told.get('protocol')}")
    origin = _origin(topology, line)
    if origin is None:
        return Model(None, f"it has no node that could send from {source}")
    port = told.get("port")
    client = _CLIENT_PORT if protocol in (Protocol.TCP, Protocol.UDP) else None
    packet = Packet(source, destination, protocol, port if isinstance(port, int) else None, client)
    if _is_forged(line):
        # Whoever sent it handed it to this node, where it came in.
        there = trace(topology, packet, origin, first=(str(told.get("interface")), line.node))
    else:
        there = explain(topology, packet, origin).there
    what = deciding(there, topology, rules.view.declared)
    text = f"{what.node} {what.text}" if what is not None else str(there.end)
    place = rules.at(what.path) if what is not None and what.path else ""
    return Model(there.end is not End.DELIVERED, text, place)


def _is_forged(line: Line) -> bool:
    return line.fields.get("rule") == REVERSE_PATH


def _known(names: Names, selector: str) -> bool:
    return bool(names.is_node(selector) or names.segments(selector))


def _within(address: object, prefixes: Sequence[str] | Prefixes) -> bool:
    if not prefixes:
        return True
    try:
        told = ip_address(str(address))
    except ValueError:
        return False
    return any(told in ip_network(prefix) for prefix in prefixes)


def _origin(topology: ResolvedTopology, line: Line) -> str | None:
    """Who sends a packet: whose address it has, else an outsider on the segment it came by.

    An address that a node took for forged is nobody's.
    """
    source = line.fields.get("source")
    for name, node in topology.nodes.items():
        own = {str(a.ip) for i in node.interfaces for a in i.addresses}
        if not _is_forged(line) and source in own:
            return name
    segment = line.fields.get("interface")
    on_it = [
        name
        for name, node in topology.nodes.items()
        if name != line.node and any(i.segment == segment for i in node.interfaces)
    ]
    outside = [name for name in on_it if not topology.nodes[name].deployed]
    return next(iter([*outside, *on_it]), None)
