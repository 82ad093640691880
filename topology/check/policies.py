"""Policies are known and used, and their rules name what exists."""

from __future__ import annotations

from collections.abc import Iterator

from topology.check.finding import error, warning
from topology.check.selectors import known_selectors, known_services
from topology.diagnostics import Code, Diagnostic, did_you_mean
from topology.model import FirewallNode, Topology
from topology.resolve import Names

__all__ = ["policies"]


def policies(topology: Topology) -> Iterator[Diagnostic]:
    """Unknown and unused policies, rules of the same name, unknown endpoints and services."""
    names = Names(topology)
    used = set()
    for name, node in topology.nodes.items():
        if isinstance(node, FirewallNode):
            used.add(node.policy)
            if node.policy not in topology.policies:
                yield error(
                    Code.UNKNOWN_NAME,
                    f"there is no policy `{node.policy}`",
                    ("nodes", name, "policy"),
                    hint=did_you_mean(node.policy, topology.policies, "policies")
                    or f"declare it: `policies: {{{node.policy}: {{rules: []}}}}`",
                )
    for name in topology.policies:
        if name not in used:
            yield warning(
                Code.UNUSED_POLICY,
                f"no firewall has the policy {name}",
                ("policies", name),
                on_key=True,
                hint=f"write `policy: {name}` at a firewall, or remove it",
            )
        yield from _rules(names, name)


def _rules(names: Names, policy: str) -> Iterator[Diagnostic]:
    seen: set[str] = set()
    for index, rule in enumerate(names.topology.policies[policy].rules):
        path = ("policies", policy, "rules", index)
        if rule.name in seen:
            yield error(
                Code.DUPLICATE_NAME,
                f"two rules of {policy} are called `{rule.name}`",
                (*path, "name"),
                hint="rename one of them: counters and logs go by name",
            )
        seen.add(rule.name)
        yield from known_services(names, rule.services, (*path, rule.action))
        yield from known_selectors(names, rule.sources, (*path, "from"), prefixes=True)
        yield from known_selectors(names, rule.destinations, (*path, "to"), prefixes=True)
