"""Policies as their firewall sees them: endpoints are its interfaces or prefixes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network, IPv6Network

from topology.model import RuleAction
from topology.model.base import parse_prefix
from topology.resolve.addresses import address_key
from topology.resolve.names import ANY, Names
from topology.resolve.routes import Addresses
from topology.resolve.services import resolve_services
from topology.resolve.types import (
    Endpoint,
    InterfaceAddress,
    Prefix,
    ResolvedPolicy,
    ResolvedRule,
)

__all__ = ["prefixes_of", "resolve_policy"]


def resolve_policy(names: Names, addresses: Addresses, node: str, name: str) -> ResolvedPolicy:
    """The policy `name` at `node`, rules in their order."""
    policy = names.topology.policies[name]
    return ResolvedPolicy(
        name=name,
        default=RuleAction(policy.default),
        stateful=policy.stateful,
        rules=tuple(
            ResolvedRule(
                name=rule.name,
                action=rule.action,
                sources=_endpoints(names, addresses, node, rule.sources),
                destinations=_endpoints(names, addresses, node, rule.destinations),
                matches=resolve_services(names.topology, rule.services),
                log=rule.log,
            )
            for rule in policy.rules
        ),
    )


def _endpoints(
    names: Names, addresses: Addresses, node: str, selectors: Iterable[str]
) -> tuple[Endpoint, ...]:
    chosen = tuple(selectors)
    if ANY in chosen:
        return ()
    found = {e for selector in chosen for e in _select(names, addresses, node, selector)}
    return tuple(sorted(found, key=_order))


def _select(names: Names, addresses: Addresses, node: str, selector: str) -> Iterator[Endpoint]:
    attached = names.topology.nodes[node].interfaces
    if selector not in names.zones:
        yield from (Endpoint(prefix=one) for one in prefixes_of(names, addresses, selector))
        return
    for segment in names.segments(selector):
        if segment in attached:
            yield Endpoint(interface=segment)
            continue
        for prefix in names.topology.segments[segment].prefixes:
            yield Endpoint(prefix=prefix)


def prefixes_of(names: Names, addresses: Addresses, selector: str) -> Iterator[Prefix]:
    """The prefixes or single addresses that a selector other than `any` stands for."""
    if "/" in selector:
        yield parse_prefix(selector)
    elif names.is_node(selector):
        for segment in names.topology.nodes[selector].interfaces:
            yield from map(_single, addresses[selector, segment])
    else:
        for segment in names.segments(selector):
            yield from names.topology.segments[segment].prefixes


def _single(address: InterfaceAddress) -> Prefix:
    """The prefix of one address, made from numbers: a topology has many."""
    if address.version == 4:
        return IPv4Network((int(address), 32))
    return IPv6Network((int(address), 128))


def _order(endpoint: Endpoint) -> tuple[str, tuple[int, int, int]]:
    if endpoint.prefix is None:
        return endpoint.interface or "", (0, 0, 0)
    return "", address_key(endpoint.prefix)
