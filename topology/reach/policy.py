"""Policies as sets: what a filter permits of all that may come in by one interface for another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar

from topology.reach.flows import FlowSet, Plane
from topology.reach.ranges import Ranges, intersect, joined, normal, sweep
from topology.reach.space import FAMILIES, SERVICES, prefix_span, services_of
from topology.resolve.types import Endpoint, ResolvedPolicy, ResolvedRule, RuleAction

__all__ = ["applies", "permitted", "side", "when"]

T = TypeVar("T")


def permitted(policy: ResolvedPolicy, ingress: str, egress: str | None) -> FlowSet:
    """The flows whose first packet passes from `ingress` to `egress`, `None` for the node itself.

    The first rule that matches decides, the default decides the rest. Costs the rules times the
    stretches of destinations, and of sources within these, on which different rules apply.
    """
    parts: list[tuple[int, int, Plane]] = []
    for version in FAMILIES:
        parts.extend(_Compiler(policy, ingress, egress, version).compile().entries)
    return FlowSet(joined(parts))


def when(rule: ResolvedRule, ingress: str, egress: str | None) -> FlowSet:
    """The flows that a rule matches there, whatever the rules before it do."""
    return (
        FlowSet.of(
            side(rule.sources, ingress), side(rule.destinations, egress), services_of(rule.matches)
        )
        if applies(rule, ingress, egress)
        else FlowSet()
    )


def applies(rule: ResolvedRule, ingress: str, egress: str | None) -> bool:
    """Whether a rule can match anything from `ingress` to `egress`."""
    return bool(side(rule.sources, ingress) and side(rule.destinations, egress))


def side(endpoints: Iterable[Endpoint], interface: str | None) -> Ranges:
    """The addresses that one side of a rule matches at an interface: any of its endpoints."""
    spans: list[tuple[int, int]] = []
    empty = True
    for endpoint in endpoints:
        empty = False
        if endpoint.prefix is not None:
            spans.append(prefix_span(endpoint.prefix))
        elif endpoint.interface == interface:
            return _EVERYWHERE
    return _EVERYWHERE if empty else normal(spans)


_EVERYWHERE: Ranges = ((0, FAMILIES[6][-1][1]),)


class _Compiler:
    """One family's part of a policy between two interfaces, swept axis by axis.

    Rules that say the same of an axis share a number there, so that stretches on which the same
    is said, if by other rules, are worked out once.
    """

    def __init__(
        self, policy: ResolvedPolicy, ingress: str, egress: str | None, version: int
    ) -> None:
        self._addresses, self._all = FAMILIES[version], SERVICES[version]
        self._far: list[tuple[Ranges, int]] = []
        self._near = _Numbers[tuple[Ranges, int]]()
        self._what = _Numbers[tuple[Ranges, bool]]()
        self._planes: dict[tuple[int, ...], Plane] = {}
        self._services: dict[tuple[int, ...], Ranges] = {}
        for rule in policy.rules:
            far, near = side(rule.destinations, egress), side(rule.sources, ingress)
            permits = rule.action is RuleAction.PERMIT
            self._add(far, near, services_of(rule.matches), permits)
        permits = policy.default is RuleAction.PERMIT
        self._add(self._addresses, self._addresses, self._all, permits)

    def _add(self, far: Ranges, near: Ranges, what: Ranges, permits: bool) -> None:
        far, near = intersect(far, self._addresses), intersect(near, self._addresses)
        what = intersect(what, self._all)
        if not (far and near and what):
            return
        self._far.append((far, self._near.of((near, self._what.of((what, permits))))))

    def compile(self) -> FlowSet:
        spans = [(*span, key) for key, (far, _) in enumerate(self._far) for span in far]
        return FlowSet(sweep(spans, self._addresses, self._plane))

    def _plane(self, active: Sequence[int]) -> Plane:
        """The services by source that the rules at these places permit."""
        key = tuple(dict.fromkeys(self._far[place][1] for place in active))
        plane = self._planes.get(key)
        if plane is None:
            numbers = [self._near.known[number] for number in key]
            spans = [(*span, place) for place, (near, _) in enumerate(numbers) for span in near]
            plane = self._planes[key] = sweep(
                spans,
                self._addresses,
                lambda places: self._decided([numbers[place][1] for place in places]),
            )
        return plane

    def _decided(self, numbers: Sequence[int]) -> Ranges:
        """The services that are permitted where these decide, the first that knows one."""
        key = tuple(dict.fromkeys(numbers))
        ranges = self._services.get(key)
        if ranges is None:
            known = [self._what.known[number] for number in key]
            spans = [(*span, place) for place, (what, _) in enumerate(known) for span in what]
            decided = sweep(spans, self._all, lambda places: known[places[0]][1])
            ranges = self._services[key] = tuple((low, high) for low, high, _ in decided)
        return ranges


class _Numbers(Generic[T]):
    """Numbers for values, the same for equal ones."""

    def __init__(self) -> None:
        self.known: list[T] = []
        self._numbers: dict[T, int] = {}

    def of(self, value: T) -> int:
        number = self._numbers.setdefault(value, len(self.known))
        if number == len(self.known):
            self.known.append(value)
        return number
