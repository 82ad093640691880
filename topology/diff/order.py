"""Rules that changed their place: which of them moved, and whether that changes what is let by."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from topology.diff.renames import Renames
from topology.diff.types import Change, FieldChange, StructureChange, Thing
from topology.diff.view import View
from topology.model import Policy
from topology.reach.flows import FlowSet
from topology.reach.policy import permitted
from topology.resolve.types import ResolvedPolicy, ResolvedTopology

__all__ = ["longest_increasing", "moved_rules"]


def moved_rules(old: View, new: View, renames: Renames) -> Iterator[StructureChange]:
    """Rules of both sides that stand elsewhere among each other, as few as explain the order."""
    for name, policy in old.declared.policies.items():
        heir = renames.policies.get(name, name)
        other = new.declared.policies.get(heir)
        if other is None or policy.rules == other.rules:
            continue
        before, after = _places(policy), _places(other)
        shared = [rule for rule in before if rule in after]
        kept = {shared[i] for i in longest_increasing([after[rule] for rule in shared])}
        moved = [rule for rule in shared if rule not in kept]
        if not moved:
            continue
        meaning, packet = _meaning(old, name, [r for r in after if r in before])
        remark = {None: "", True: f"changes what passes: {packet}", False: "changes nothing"}
        for rule in moved:
            yield StructureChange(
                Thing.RULE,
                f"{heir}/{rule}",
                Change.MOVED,
                (FieldChange("place", _beside(policy, rule), _beside(other, rule)),),
                remark=remark[meaning],
                meaning=meaning,
                old=old.place(("policies", name, "rules", before[rule])),
                new=new.place(("policies", heir, "rules", after[rule])),
            )


def longest_increasing(values: Sequence[int]) -> list[int]:
    """The indices of a longest increasing subsequence, the earliest ends first.

    >>> longest_increasing([3, 0, 1, 2])
    [1, 2, 3]
    """
    ends: list[int] = []
    indices: list[int] = []
    before: list[int] = []
    for index, value in enumerate(values):
        place = bisect_left(ends, value)
        before.append(indices[place - 1] if place else -1)
        ends[place : place + 1] = [value]
        indices[place : place + 1] = [index]
    found: list[int] = []
    index = indices[-1] if indices else -1
    while index >= 0:
        found.append(index)
        index = before[index]
    return found[::-1]


def _places(policy: Policy) -> dict[str, int]:
    return {rule.name: index for index, rule in enumerate(policy.rules)}


def _beside(policy: Policy, name: str) -> str:
    index = _places(policy)[name]
    return f"after {policy.rules[index - 1].name}" if index else "first"


def _meaning(old: View, policy: str, order: Sequence[str]) -> tuple[bool | None, str]:
    """Whether the old rules in the new order permit something else, and a packet for which.

    `None` where the old side does not resolve, or no firewall applies the policy.
    """
    if old.resolved is None:
        return None, ""
    known = None
    for node, resolved in _appliers(old.resolved, policy):
        known = False
        by_name = {rule.name: rule for rule in resolved.rules}
        alone = [rule for rule in resolved.rules if rule.name not in order]
        # What is gone from the policy keeps its place: only the order of the others is asked for.
        ordered = iter([by_name[name] for name in order if name in by_name])
        rules = tuple(rule if rule in alone else next(ordered) for rule in resolved.rules)
        other = ResolvedPolicy(resolved.name, resolved.default, resolved.stateful, rules)
        interfaces = [one.segment for one in old.resolved.nodes[node].interfaces]
        for ingress in interfaces:
            for egress in (*(e for e in interfaces if e != ingress), None):
                mine = permitted(resolved, ingress, egress)
                theirs = permitted(other, ingress, egress)
                if mine != theirs:
                    return True, str(_either(mine, theirs).packet())
    return known, ""


def _either(one: FlowSet, other: FlowSet) -> FlowSet:
    return one - other or other - one


def _appliers(topology: ResolvedTopology, policy: str) -> Iterator[tuple[str, ResolvedPolicy]]:
    for name, node in topology.nodes.items():
        if node.policy is not None and node.policy.name == policy:
            yield name, node.policy
