"""The flows of a picture, from the proof engine: who opens what on whom, and by which links."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from topology.model import Topology
from topology.reach.flows import FlowSet
from topology.reach.matrix import Cell, cell_lines, cell_of
from topology.reach.network import Ending, Network, Outcome
from topology.reach.ranges import intersect, normal
from topology.reach.space import ALL_SERVICES, SERVICES, address_point, services_of
from topology.resolve.services import resolve_services
from topology.resolve.types import ResolvedTopology
from topology.scene.types import Lane, Link, Mark

__all__ = [
    "Opened",
    "Pair",
    "compared_lanes",
    "flows_of",
    "lanes",
    "opened_pairs",
    "service_labels",
]

Pair: TypeAlias = tuple[str, str]
"""Who opens flows, and on whom."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What one node opens on another: services by family, and the links that it goes by.

    `links` is empty between neighbours on one segment, and where a forwarder opens flows itself:
    pictures show neither.
    """

    cell: Cell
    links: frozenset[Link]


def opened_pairs(network: Network) -> dict[Pair, Opened]:
    """What every node opens on every other."""
    nodes = network.topology.nodes
    far = normal(span for name in nodes for span in network.addresses(name))
    found: dict[Pair, Opened] = {}
    for source, node in nodes.items():
        flows: dict[str, FlowSet] = {}
        links: dict[str, set[Link]] = {}
        for outcome in network.outcomes(
            network.send(source, network.opened([source], far, ALL_SERVICES))
        ):
            if outcome.ending is Ending.DELIVERED and outcome.node != source:
                name = outcome.node
                flows[name] = flows.get(name, FlowSet()) | outcome.flows
                links.setdefault(name, set()).update(_links(network, source, outcome))
        for name in sorted(flows):
            near = {i.segment for i in node.interfaces} & {
                i.segment for i in nodes[name].interfaces
            }
            passed = () if near or node.kind.forwards else links[name]
            found[source, name] = Opened(cell_of(flows[name]), frozenset(passed))
    return found


def flows_of(topology: ResolvedTopology) -> dict[Pair, Opened]:
    """The same of a topology."""
    return opened_pairs(Network(topology))


def _links(network: Network, source: str, outcome: Outcome) -> Iterator[Link]:
    """The links of one way; a forwarder is left by the segment that the next one is entered by."""
    before = source
    for forwarder, segment in outcome.path:
        yield before, segment
        yield forwarder, segment
        before = forwarder
    if before in (outcome.node, source):
        return
    near = {i.segment for i in network.topology.nodes[before].interfaces}
    for interface in network.topology.nodes[outcome.node].interfaces:
        points = [address_point(address.ip) for address in interface.addresses]
        own = normal((point, point) for point in points)
        if interface.segment in near and intersect(own, outcome.flows.destinations):
            yield before, interface.segment
            yield outcome.node, interface.segment


def service_labels(topology: Topology) -> dict[tuple[str, ...], str]:
    """What a topology calls services, by their lines in a cell; the first name of equal ones."""
    found: dict[tuple[str, ...], str] = {}
    for name in sorted(topology.services, reverse=True):
        ranges = services_of(resolve_services(topology, [name]))
        by_family = {v: both for v, whole in SERVICES.items() if (both := intersect(ranges, whole))}
        found[cell_lines(Cell(by_family))] = name
    return found


def lanes(pairs: Mapping[Pair, Opened], labels: Mapping[tuple[str, ...], str]) -> tuple[Lane, ...]:
    """The flows of one network, those of one fate together."""
    return _grouped(
        (pair, _Fate(cell_lines(opened.cell)), opened.links) for pair, opened in pairs.items()
    ).lanes(labels)


def compared_lanes(
    old: Mapping[Pair, Opened],
    new: Mapping[Pair, Opened],
    labels: Mapping[tuple[str, ...], str],
) -> tuple[Lane, ...]:
    """The flows of both sides, by names of the new one; what differs first."""
    return _grouped(_compared(old, new)).lanes(labels)


@dataclass(frozen=True, slots=True)
class _Fate:
    """The services of a pair, and what became of them."""

    services: tuple[str, ...]
    mark: Mark = Mark.SAME
    was: tuple[str, ...] = ()


def _compared(
    old: Mapping[Pair, Opened], new: Mapping[Pair, Opened]
) -> Iterator[tuple[Pair, _Fate, frozenset[Link]]]:
    for pair in sorted({*old, *new}):
        before, after = old.get(pair), new.get(pair)
        was = cell_lines(before.cell) if before else ()
        now = cell_lines(after.cell) if after else ()
        if before is not None and after is not None:
            mark = Mark.SAME if was == now else Mark.CHANGED
            yield pair, _Fate(now, mark, was if was != now else ()), after.links
        elif after is not None:
            yield pair, _Fate(now, Mark.ADDED), after.links
        elif before is not None:
            yield pair, _Fate(was, Mark.REMOVED), before.links


@dataclass(slots=True)
class _Groups:
    """Pairs by fate, and by who has the same destinations."""

    destinations: dict[_Fate, dict[str, set[str]]]
    links: dict[tuple[_Fate, str], set[Link]]

    def lanes(self, labels: Mapping[tuple[str, ...], str]) -> tuple[Lane, ...]:
        found: list[Lane] = []
        for fate, by_source in self.destinations.items():
            alike: dict[frozenset[str], list[str]] = {}
            for source, there in by_source.items():
                alike.setdefault(frozenset(there), []).append(source)
            found.extend(
                Lane(
                    tuple(sorted(sources)),
                    tuple(sorted(there)),
                    fate.services,
                    frozenset(link for name in sources for link in self.links[fate, name]),
                    _called(fate.services, labels),
                    fate.mark,
                    fate.was,
                )
                for there, sources in alike.items()
            )
        return tuple(sorted(found, key=_order))


def _called(services: tuple[str, ...], labels: Mapping[tuple[str, ...], str]) -> str:
    """What services are called: one name, or several that together are just these."""
    if services in labels:
        return labels[services]
    inside = {lines: name for lines, name in labels.items() if set(lines) <= set(services)}
    covered = {line for lines in inside for line in lines}
    return ", ".join(sorted(inside.values())) if covered == set(services) else ""


def _grouped(pairs: Iterable[tuple[Pair, _Fate, frozenset[Link]]]) -> _Groups:
    groups = _Groups({}, {})
    for (source, destination), fate, links in pairs:
        if links:
            groups.destinations.setdefault(fate, {}).setdefault(source, set()).add(destination)
            groups.links.setdefault((fate, source), set()).update(links)
    return groups


def _order(lane: Lane) -> tuple[object, ...]:
    same = lane.mark is Mark.SAME
    pairs = len(lane.sources) * len(lane.destinations)
    return same, -pairs if same else 0, lane.sources, lane.destinations, lane.services
