"""Who is without a path while nodes are replaced: their clients, and neighbours beyond them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from dataclasses import replace as altered
from itertools import islice, product

from topology.diff.types import Action, DeploymentDiff, Interruption, NodeAction
from topology.graph import Ending, Routing, islands
from topology.plan.types import ReplaceOrder
from topology.resolve.types import (
    Kind,
    ResolvedNode,
    ResolvedStatement,
    ResolvedTopology,
    StatementKind,
)

__all__ = ["EXPECTED_SECONDS", "Standing", "interruptions"]

EXPECTED_SECONDS: Mapping[ReplaceOrder, float] = {
    # Measured on the wire, a node of one MAC and address after another on one bridge.
    ReplaceOrder.CREATE_FIRST: 0.26,
    ReplaceOrder.DELETE_FIRST: 2.7,
}
"""The longest time without a reply that a replacement is expected to make."""

_PAIRS = 200
"""Pairs of a statement's nodes that are followed hop by hop where nothing is split."""


def interruptions(diff: DeploymentDiff, old: Standing, new: ResolvedTopology) -> DeploymentDiff:
    """The same, with who is cut off by each node that is replaced or destroyed.

    Paths are those of the old side, which runs until then.
    """
    changed = {one.node for one in diff.nodes if one.action is not Action.KEEP}
    found = tuple(
        _interruption(action, old, new, changed)
        for action in diff.nodes
        if action.action in (Action.REPLACE, Action.DESTROY) and action.node in old.topology.nodes
    )
    return altered(diff, interruptions=found)


@dataclass(frozen=True, slots=True)
class _Loss:
    """What of a topology depends on a node.

    `groups` are the nodes that fall apart without it, `between` the segments by which each sees
    it, `through` those with a route by it, `flows` and `clients` the statements that what passes
    it and what it serves are named by.
    """

    groups: tuple[frozenset[str], ...]
    between: tuple[tuple[str, ...], ...]
    through: tuple[str, ...]
    flows: tuple[str, ...]
    clients: tuple[str, ...]


class Standing:
    """A topology that runs, asked what depends on its nodes; it is asked once a variant."""

    def __init__(self, topology: ResolvedTopology) -> None:
        self.topology = topology
        self._routing = Routing(topology)
        self._losses: dict[str, _Loss] = {}

    def without(self, name: str) -> _Loss:
        """What is lost with a node."""
        known = self._losses.get(name)
        if known is None:
            known = self._losses[name] = self._loss(self.topology.nodes[name])
        return known

    def _loss(self, node: ResolvedNode) -> _Loss:
        topology = self.topology
        clients = tuple(_statements_to(topology, node.name))
        if not node.kind.forwards:
            return _Loss((), (), (), (), clients)
        groups = _groups(topology, node)
        side = {name: number for number, group in enumerate(groups) for name in group}
        flows = tuple(
            name
            for name, statement in topology.statements.items()
            if statement.kind is StatementKind.REACH
            and _passes(statement, node.name, side, len(groups) > 1, topology, self._routing)
        )
        between = tuple(_segments_of(topology, group, node) for group in groups)
        return _Loss(groups, between, _routed_through(topology, node.name), flows, clients)


def _interruption(
    action: NodeAction, old: Standing, new: ResolvedTopology, changed: set[str]
) -> Interruption:
    node, lost = old.topology.nodes[action.node], old.without(action.node)
    gone = action.action is Action.DESTROY
    heir = _heir(node, new) if gone else node.name
    split = len(lost.groups) > 1
    cut_off = sorted({*lost.through, *(name for group in lost.groups for name in group if split)})
    return Interruption(
        node=node.name,
        seconds=EXPECTED_SECONDS[action.order or ReplaceOrder.CREATE_FIRST] if heir else 0.0,
        clients=lost.clients,
        cut_off=tuple(name for name in cut_off if name not in changed),
        between=lost.between if split else (),
        flows=lost.flows,
        remark=_remark(node, heir),
    )


def _heir(node: ResolvedNode, new: ResolvedTopology) -> str:
    """The node that has the addresses of one that goes; empty if there is none."""
    mine = {address.ip for interface in node.interfaces for address in interface.addresses}
    for name, other in new.nodes.items():
        if mine & {a.ip for i in other.interfaces for a in i.addresses}:
            return name
    return ""


def _remark(old: ResolvedNode, heir: str) -> str:
    if not heir:
        return "for good"
    if heir != old.name:
        return f"{heir} takes its addresses over: neighbours must learn another MAC"
    if old.policy is not None and old.policy.stateful:
        return "established flows are forgotten: connections through it begin anew"
    if old.kind is Kind.WEB:
        return "open connections end"
    return ""


def _groups(topology: ResolvedTopology, node: ResolvedNode) -> tuple[frozenset[str], ...]:
    """The nodes that the node holds together, as they fall apart without it."""
    others = {name: one for name, one in topology.nodes.items() if name != node.name}
    mine = {interface.segment for interface in node.interfaces}
    return tuple(
        sorted(
            (
                group
                for group in islands(altered(topology, nodes=others))
                if any(i.segment in mine for name in group for i in others[name].interfaces)
            ),
            key=min,
        )
    )


def _segments_of(
    topology: ResolvedTopology, group: frozenset[str], node: ResolvedNode
) -> tuple[str, ...]:
    """The segments of the node through which a group sees it."""
    there = {i.segment for name in group for i in topology.nodes[name].interfaces}
    return tuple(i.segment for i in node.interfaces if i.segment in there)


def _routed_through(topology: ResolvedTopology, node: str) -> tuple[str, ...]:
    return tuple(
        name
        for name, one in topology.nodes.items()
        if any(route.next_hop == node for route in one.routes)
    )


def _statements_to(topology: ResolvedTopology, node: str) -> Iterator[str]:
    for name, statement in topology.statements.items():
        if statement.kind is StatementKind.REACH and node in statement.destinations:
            yield name


def _passes(
    statement: ResolvedStatement,
    node: str,
    side: Mapping[str, int],
    split: bool,
    topology: ResolvedTopology,
    routing: Routing,
) -> bool:
    """Whether what a statement lets reach goes through the node."""
    ends = [{side[n] for n in names if n in side} for names in _ends(statement)]
    if split:
        return any(a != b for a, b in product(*ends))
    for source, target in islice(product(*_ends(statement)), _PAIRS):
        if source == target or node in (source, target):
            continue
        for interface in topology.nodes[target].interfaces:
            for address in interface.addresses:
                walk = routing.walk(source, address.ip)
                if walk.ending is Ending.DELIVERED and node in walk.nodes:
                    return True
    return False


def _ends(statement: ResolvedStatement) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return statement.sources, statement.destinations
