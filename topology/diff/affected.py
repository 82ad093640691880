"""Which statements a difference can reach: of all others the verdict is what it was."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from topology.diff.renames import Renames
from topology.diff.scope import Scope
from topology.reach.flows import Box
from topology.reach.network import Network
from topology.reach.ranges import Ranges, intersect, normal
from topology.reach.space import ALL_SERVICES, services_of
from topology.resolve.types import ResolvedNode, ResolvedStatement, StatementKind

__all__ = ["Affected"]

_WIDE = (StatementKind.NEVER, StatementKind.ONLY)
"""What a topology says once, of everything in it: worth asking of what differs alone."""

_FORBIDDING = (StatementKind.ISOLATE, StatementKind.ONLY, StatementKind.WAYPOINT)


class Affected:
    """Whether a statement of both sides may have another verdict on the new one.

    What must get through is asked of nodes' own addresses, there and back again; what must not,
    of any header that somebody who stands at a source's place gets to a destination.
    """

    def __init__(self, old: Network, new: Network, renames: Renames, scope: Scope) -> None:
        self._networks = (old, new)
        self._old, self._new, self._renames = old.topology, new.topology, renames
        self._parts = [(part.senders, list(part.flows.boxes())) for part in scope.parts]
        self._honest = list(scope.honest.boxes())
        self._known: dict[tuple[str, ...], Ranges] = {}
        # Answers pass by what a filter remembers, or not: no set of first packets shows that.
        self._remembers = any(
            heir is not None and _remembers(node) != _remembers(heir)
            for name, node in self._old.nodes.items()
            for heir in (self._new.nodes.get(renames.node(name)),)
        )

    def __call__(self, old: ResolvedStatement, new: ResolvedStatement) -> bool:
        """Whether the verdict may differ."""
        if self._says_otherwise(old, new):
            return True
        if new.kind is StatementKind.NEVER:
            return bool(self._parts)
        if new.kind not in (StatementKind.REACH, *_FORBIDDING):
            return True
        services = services_of(new.matches)
        if new.kind is StatementKind.ONLY:
            # What it lists decides what it allows.
            if any(self._old.statements.get(n) != self._new.statements.get(n) for n in new.only):
                return True
            services = ALL_SERVICES
        far = self._addresses(new.destinations)
        if new.kind in _FORBIDDING:
            return any(
                (senders is None or not senders.isdisjoint(new.sources))
                and _meets(boxes, far, None, services)
                for senders, boxes in self._parts
            )
        near = self._addresses(new.sources)
        back = _meets(self._honest, near, far, ALL_SERVICES)
        return self._remembers or back or _meets(self._honest, far, near, services)

    def within_scope(self, old: ResolvedStatement, new: ResolvedStatement) -> bool:
        """Whether the new one holds if the old one does and no flow of the scope breaks it.

        It has to say the same of the same nodes, but for those that one side does not have: of
        what comes or goes, everything is in the scope.
        """
        if self._renames != Renames() or new.kind not in _WIDE:
            return False
        if any(self._old.statements.get(n) != self._new.statements.get(n) for n in new.only):
            return False
        same = replace(old, sources=new.sources, destinations=new.destinations) == new
        ends = ((old.sources, new.sources), (old.destinations, new.destinations))
        return same and all(
            name not in self._old.nodes or name not in self._new.nodes
            for mine, theirs in ends
            if mine != theirs
            for name in set(mine) ^ set(theirs)
        )

    def _says_otherwise(self, old: ResolvedStatement, new: ResolvedStatement) -> bool:
        sizes = (len(old.sources), len(old.destinations))
        if sizes != (len(new.sources), len(new.destinations)):
            return True
        renames = self._renames
        if renames == Renames():
            return old != new
        names = renames.statements
        translated = replace(
            old,
            name=names.get(old.name, old.name),
            sources=self._renamed(old.sources, new.sources),
            destinations=self._renamed(old.destinations, new.destinations),
            only=tuple(sorted(names.get(name, name) for name in old.only)),
            node=renames.node(old.node) if old.node is not None else None,
        )
        return translated != new

    def _renamed(self, names: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
        if names == others:
            return names
        return tuple(sorted(map(self._renames.node, names)))

    def _addresses(self, names: tuple[str, ...]) -> Ranges:
        """The addresses of nodes on either side."""
        known = self._known.get(names)
        if known is None:
            known = normal(
                span
                for network in self._networks
                for name in names
                if name in network.topology.nodes
                for span in network.addresses(name)
            )
            self._known[names] = known
        return known


def _meets(boxes: Iterable[Box], far: Ranges, near: Ranges | None, services: Ranges) -> bool:
    return any(
        intersect(far, box.destinations)
        and (near is None or intersect(near, box.sources))
        and intersect(services, box.services)
        for box in boxes
    )


def _remembers(node: ResolvedNode) -> bool:
    return node.policy is not None and node.policy.stateful
