"""The whole reachability matrix: what opens from everywhere to everywhere, exactly.

`opened` is the seam for whoever compares two topologies: for each pair of nodes the set of flows
that the first opens on the second, as canonical values that are equal when the flows are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from topology.reach.flows import FlowSet
from topology.reach.network import Ending, Network
from topology.reach.ranges import Ranges, normal, unite
from topology.reach.space import ALL_SERVICES, family_of, service_names

__all__ = ["Cell", "cell_lines", "cell_of", "joined_cells", "matrix", "opened"]


_SHOWN = 6
"""Services that a cell names; the rest are counted."""


@dataclass(frozen=True, slots=True)
class Cell:
    """The services that get through from a row to a column, by IP version, empty ones left out."""

    services: Mapping[int, Ranges]

    def __bool__(self) -> bool:
        return bool(self.services)


def opened(
    network: Network, sources: Sequence[str], destinations: Sequence[str]
) -> Iterator[tuple[str, str, FlowSet]]:
    """The flows that each source opens on each destination, none left out but the empty ones.

    They are from its own addresses and by its own routes. Whether answers come back is a
    question for statements.
    """
    wanted = set(destinations)
    far = normal(span for name in destinations for span in network.addresses(name))
    for source in sources:
        found: dict[str, FlowSet] = {}
        flows = network.opened([source], far, ALL_SERVICES)
        for outcome in network.outcomes(network.send(source, flows)):
            if outcome.ending is Ending.DELIVERED and outcome.node in wanted:
                found[outcome.node] = found.get(outcome.node, FlowSet()) | outcome.flows
        for destination in sorted(found):
            if destination != source:
                yield source, destination, found[destination]


def matrix(
    network: Network, rows: Mapping[str, Sequence[str]], columns: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, Cell]]:
    """What some node of a row opens on some node of a column, for groups of nodes by name."""
    sources = sorted({name for names in rows.values() for name in names})
    destinations = sorted({name for names in columns.values() for name in names})
    pairs: dict[str, dict[str, Cell]] = {}
    for source, destination, flows in opened(network, sources, destinations):
        pairs.setdefault(source, {})[destination] = cell_of(flows)
    return {
        row: {
            column: joined_cells(
                pairs[source][destination]
                for source in near
                for destination in far
                if destination in pairs.get(source, {})
            )
            for column, far in columns.items()
        }
        for row, near in rows.items()
    }


def cell_of(flows: FlowSet) -> Cell:
    """The services of flows, by family."""
    by_version: dict[int, Ranges] = {}
    for box in flows.boxes():
        for version in {family_of(low) for low, _ in box.destinations}:
            by_version[version] = unite(by_version.get(version, ()), box.services)
    return Cell(dict(sorted(by_version.items())))


def joined_cells(cells: Iterable[Cell]) -> Cell:
    """The services of any of the cells."""
    found: dict[int, Ranges] = {}
    for cell in cells:
        for version, services in cell.services.items():
            found[version] = unite(found.get(version, ()), services)
    return Cell(dict(sorted(found.items())))


def cell_lines(cell: Cell) -> tuple[str, ...]:
    """The services of a cell, a line each; families are named where they differ.

    At most six of a family are named, the rest are counted.
    """
    texts = {version: _shown(service_names(what)) for version, what in cell.services.items()}
    if len(texts) < 2:
        return tuple(f"IPv{version}: {line}" for version, text in texts.items() for line in text)
    if texts[4] == texts[6]:
        return texts[4]
    common = {*texts[4]} & {*texts[6]}
    return (
        *(line for line in texts[4] if line in common),
        *(
            # A family's own ICMP says which it is; without anything in common all lines say it.
            line if common and line.startswith("icmp") else f"IPv{version}: {line}"
            for version, text in texts.items()
            for line in text
            if line not in common
        ),
    )


def _shown(names: tuple[str, ...]) -> tuple[str, ...]:
    more = len(names) - _SHOWN
    return (*names[:_SHOWN], f"and {more} more") if more > 0 else names
