"""Every rule of a policy decides something."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from topology.check.finding import warning
from topology.diagnostics import Code, Diagnostic
from topology.reach.flows import FlowSet
from topology.reach.network import Network
from topology.reach.policy import when
from topology.reach.ranges import Ranges, normal
from topology.reach.space import prefix_span, services_of
from topology.resolve.types import (
    ResolvedNode,
    ResolvedPolicy,
    ResolvedRule,
    ResolvedTopology,
)

__all__ = ["shadowed_rules"]


_FEW = 32
"""Addresses or ports up to which a rule is found by each of them."""


@dataclass(frozen=True, slots=True)
class _Dead:
    """Why a rule decides nothing: it matches no packet, or these rules before it take all."""

    shadows: tuple[int, ...] = ()


def shadowed_rules(topology: ResolvedTopology) -> Iterator[Diagnostic]:
    """Rules that no packet can match, or that rules before them leave nothing.

    A policy that several firewalls have is asked at each: a rule is of use if it is at one.
    """
    network = Network(topology)
    users: dict[str, list[ResolvedNode]] = {}
    for node in topology.nodes.values():
        if node.policy is not None:
            users.setdefault(node.policy.name, []).append(node)
    for name in sorted(users):
        found: dict[int, _Dead] | None = None
        for node in users[name]:
            dead = dict(_dead(network, node, node.policy)) if node.policy is not None else {}
            found = dead if found is None else {i: d for i, d in found.items() if i in dead}
        policy = users[name][0].policy
        if policy is not None:
            for index, why in (found or {}).items():
                yield _finding(policy, index, why)


def _finding(policy: ResolvedPolicy, index: int, why: _Dead) -> Diagnostic:
    rule = policy.rules[index]
    path = ("policies", policy.name, "rules", index, "name")
    if not why.shadows:
        return warning(
            Code.RULE_NEVER_MATCHES,
            f"no packet can match the rule {rule.name}",
            path,
            detail="Its sources, destinations and services have no family in common, or no route "
            "leads by the interfaces that it names.",
            hint="remove it, or correct its from, to or service",
        )
    names = ", ".join(policy.rules[each].name for each in why.shadows)
    several = len(why.shadows) > 1
    alike = all(policy.rules[each].action is rule.action for each in why.shadows)
    return warning(
        Code.SHADOWED_RULE,
        f"the rule {rule.name} never decides: {names} before it "
        f"{'match' if several else 'matches'} all that it does",
        path,
        detail=f"{names} stand{'' if several else 's'} at "
        + ", ".join(f"policies.{policy.name}.rules[{each}]" for each in why.shadows)
        + (
            " and decide the same."
            if several and alike
            else " and decides the same."
            if alike
            else "."
        ),
        hint="remove it" if alike else f"move it above {policy.rules[why.shadows[0]].name}",
    )


def _dead(
    network: Network, node: ResolvedNode, policy: ResolvedPolicy
) -> Iterator[tuple[int, _Dead]]:
    """The rules of a node's policy that decide nothing, with the reason."""
    places = [
        _Place(policy, interface.segment, egress, destinations)
        for interface in node.interfaces
        for egress, destinations in network.egresses(node.name).items()
    ]
    index = _Index(policy.rules)
    for number in range(len(policy.rules)):
        shadows: set[int] = set()
        matched = used = False
        for place in places:
            flows = place.matched(number)
            if not flows:
                continue
            matched = True
            taken = place.shadows(flows, index.before(number))
            if taken is None:
                used = True
                break
            shadows.update(taken)
        if not used:
            yield number, _Dead(tuple(sorted(shadows)) if matched else ())


class _Place:
    """A policy between two interfaces of its node, for the destinations that go that way."""

    def __init__(
        self, policy: ResolvedPolicy, ingress: str, egress: str | None, destinations: Ranges
    ) -> None:
        self._policy, self._ingress, self._egress = policy, ingress, egress
        self._destinations = destinations
        self._matched: dict[int, FlowSet] = {}

    def matched(self, number: int) -> FlowSet:
        """What a rule matches here, whatever the rules before it do."""
        known = self._matched.get(number)
        if known is None:
            flows = when(self._policy.rules[number], self._ingress, self._egress)
            known = self._matched[number] = flows.towards(self._destinations)
        return known

    def shadows(self, flows: FlowSet, before: Sequence[int]) -> tuple[int, ...] | None:
        """The rules that leave nothing of the flows; `None` when something is left.

        A single rule that takes everything is told alone.
        """
        left, took = flows, list[int]()
        for number in before:
            other = self.matched(number)
            if not other:
                continue
            if flows <= other:
                return (number,)
            rest = left - other
            if rest != left:
                took.append(number)
                left = rest
        return None if left else tuple(took)


class _Index:
    """Which rules may match a packet together, so that none is held against all before it.

    Most rules name few addresses and few ports. Those are found by them; the others, the wide
    ones, are few.
    """

    def __init__(self, rules: Sequence[ResolvedRule]) -> None:
        self._keys = [(_few(_destinations(r)), _few(services_of(r.matches))) for r in rules]
        self._found: dict[tuple[int | None, int | None], list[int]] = {}
        for number, (far, what) in enumerate(self._keys):
            for key in product(far or (None,), what or (None,)):
                self._found.setdefault(key, []).append(number)

    def before(self, number: int) -> list[int]:
        """The rules before one that may match a packet that it matches, in order."""
        far, what = self._keys[number]
        if far is None and what is None:
            return list(range(number))
        if far is None or what is None:
            near = {
                other
                for (point, service), others in self._found.items()
                if (far is None or point is None or point in far)
                and (what is None or service is None or service in what)
                for other in others
            }
        else:
            keys = product((*far, None), (*what, None))
            near = {other for key in keys for other in self._found.get(key, ())}
        return sorted(other for other in near if other < number)


def _destinations(rule: ResolvedRule) -> Ranges | None:
    """The destinations of a rule, `None` where an interface makes them any."""
    prefixes = [e.prefix for e in rule.destinations if e.prefix is not None]
    if not prefixes or len(prefixes) < len(rule.destinations):
        return None
    return normal(prefix_span(prefix) for prefix in prefixes)


def _few(ranges: Ranges | None) -> frozenset[int] | None:
    """The values of a set, `None` when they are many."""
    if ranges is None or sum(high - low + 1 for low, high in ranges) > _FEW:
        return None
    return frozenset(value for low, high in ranges for value in range(low, high + 1))
