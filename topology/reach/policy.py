"""Policies as sets: what a filter permits of all that may come in by one interface for another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Generic, TypeVar

from topology.reach.flows import FlowSet, Plane
from topology.reach.ranges import Ranges, intersect, joined, normal, sweep
from topology.reach.space import (
    ADDRESSES,
    ALL_SERVICES,
    FAMILIES,
    SERVICES,
    prefix_span,
    services_of,
)
from topology.resolve.types import Endpoint, ResolvedPolicy, ResolvedRule, RuleAction

__all__ = ["Rules", "applies", "permitted", "side", "when"]

T = TypeVar("T")


def permitted(policy: ResolvedPolicy, ingress: str, egress: str | None) -> FlowSet:
    """The flows whose first packet passes from `ingress` to `egress`, `None` for the node itself.

    The first rule that matches decides, the default decides the rest. Costs the rules times the
    stretches of destinations, and of sources within these, on which different rules apply.
    """
    return Rules(policy).permitted(ingress, egress)


def when(rule: ResolvedRule, ingress: str, egress: str | None) -> FlowSet:
    """The flows that a rule matches there, whatever the rules before it do."""
    return (
        FlowSet.of(
            side(rule.destinations, egress), side(rule.sources, ingress), services_of(rule.matches)
        )
        if applies(rule, ingress, egress)
        else FlowSet()
    )


def applies(rule: ResolvedRule, ingress: str, egress: str | None) -> bool:
    """Whether a rule can match anything from `ingress` to `egress`."""
    return bool(side(rule.sources, ingress) and side(rule.destinations, egress))


def side(endpoints: Sequence[Endpoint], interface: str | None) -> Ranges:
    """The addresses that one side of a rule matches at an interface: any of its endpoints."""
    return _Side.of(endpoints).at(interface)


_EVERYWHERE: Ranges = ((0, FAMILIES[6][-1][1]),)


class Rules:
    """A policy's rules read once, for all pairs of its node's interfaces."""

    def __init__(self, policy: ResolvedPolicy) -> None:
        self._read = [
            _Rule(
                _Side.of(rule.destinations),
                _Side.of(rule.sources),
                services_of(rule.matches),
                rule.action is RuleAction.PERMIT,
            )
            for rule in policy.rules
        ]
        self._default = policy.default is RuleAction.PERMIT

    def permitted(
        self,
        ingress: str,
        egress: str | None,
        *,
        destinations: Ranges = ADDRESSES,
        services: Ranges = ALL_SERVICES,
    ) -> FlowSet:
        """The flows whose first packet passes from `ingress` to `egress`, of some or all."""
        parts: list[tuple[int, int, Plane]] = []
        for version in FAMILIES:
            addresses = FAMILIES[version]
            compiler = _Compiler(
                intersect(addresses, destinations),
                addresses,
                intersect(SERVICES[version], services),
            )
            for rule in self._read:
                far, near = rule.destinations.at(egress), rule.sources.at(ingress)
                compiler.add(far, near, rule.services, rule.permits)
            compiler.add(_EVERYWHERE, _EVERYWHERE, ALL_SERVICES, self._default)
            parts.extend(compiler.compile().entries)
        return FlowSet(joined(parts))

    def touch(self, services: Ranges) -> bool:
        """Whether any of the services may be permitted from anywhere to anywhere."""
        return self._default or any(
            rule.permits and intersect(rule.services, services) for rule in self._read
        )


@dataclass(frozen=True, slots=True)
class _Side:
    """One side of a rule: addresses, and interfaces behind which any address will do."""

    ranges: Ranges
    interfaces: frozenset[str]

    @classmethod
    def of(cls, endpoints: Sequence[Endpoint]) -> _Side:
        if not endpoints:
            return _ANY
        return cls(
            normal(prefix_span(e.prefix) for e in endpoints if e.prefix is not None),
            frozenset(e.interface for e in endpoints if e.interface is not None),
        )

    def at(self, interface: str | None) -> Ranges:
        return _EVERYWHERE if interface in self.interfaces else self.ranges


@dataclass(frozen=True, slots=True)
class _Rule:
    destinations: _Side
    sources: _Side
    services: Ranges
    permits: bool


_ANY = _Side(_EVERYWHERE, frozenset())


class _Compiler:
    """One family's part of a policy between two interfaces, swept axis by axis.

    Rules that say the same of an axis share a number there, so that stretches on which the same
    is said, if by other rules, are worked out once.
    """

    def __init__(self, destinations: Ranges, sources: Ranges, services: Ranges) -> None:
        self._destinations, self._sources, self._all = destinations, sources, services
        self._far: list[tuple[Ranges, int]] = []
        self._near = _Numbers[tuple[Ranges, int]]()
        self._what = _Numbers[tuple[Ranges, bool]]()
        self._planes: dict[tuple[int, ...], Plane] = {}
        self._services: dict[tuple[int, ...], Ranges] = {}

    def add(self, far: Ranges, near: Ranges, what: Ranges, permits: bool) -> None:
        """The next rule."""
        far, near = intersect(far, self._destinations), intersect(near, self._sources)
        what = intersect(what, self._all)
        if far and near and what:
            self._far.append((far, self._near.of((near, self._what.of((what, permits))))))

    def compile(self) -> FlowSet:
        spans = [(*span, key) for key, (far, _) in enumerate(self._far) for span in far]
        return FlowSet(sweep(spans, self._destinations, self._plane))

    def _plane(self, active: Sequence[int]) -> Plane:
        """The services by source that the rules at these places permit."""
        key = tuple(dict.fromkeys(self._far[place][1] for place in active))
        plane = self._planes.get(key)
        if plane is None:
            numbers = [self._near.known[number] for number in key]
            if all(near == self._sources for near, _ in numbers):
                what = self._decided([number for _, number in numbers])
                plane = tuple((low, high, what) for low, high in self._sources if what)
            else:
                plane = sweep(
                    [(*span, place) for place, (near, _) in enumerate(numbers) for span in near],
                    self._sources,
                    lambda places: self._decided([numbers[place][1] for place in places]),
                )
            self._planes[key] = plane
        return plane

    def _decided(self, numbers: Sequence[int]) -> Ranges:
        """The services that are permitted where these decide."""
        key = tuple(dict.fromkeys(numbers))
        ranges = self._services.get(key)
        if ranges is None:
            known = tuple(self._what.known[number] for number in key)
            ranges = self._services[key] = _decide(known, self._all)
        return ranges


@lru_cache(maxsize=1 << 14)
def _decide(known: tuple[tuple[Ranges, bool], ...], services: Ranges) -> Ranges:
    """The services that the first of these to know them permits; firewalls often agree on that."""
    spans = [(*span, place) for place, (what, _) in enumerate(known) for span in what]
    decided = sweep(spans, services, lambda places: known[places[0]][1])
    return tuple((low, high) for low, high, _ in decided)


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
