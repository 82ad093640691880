"""A node's service configuration: the one document that Python writes and the Rust services read.

The document is the same in both variants. It is canonical JSON, so that equal nodes give equal
bytes and a digest of it means something. `tests/golden/config` holds the copies that the
contract test reads from the Rust side.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from topology.resolve.types import (
    DnsZone,
    Endpoint,
    InterfaceAddress,
    Kind,
    Match,
    ResolvedInterface,
    ResolvedNode,
    ResolvedPolicy,
    ResolvedRoute,
    ResolvedRule,
    Resource,
)

VERSION = 1

# RFC 9110 section 4.2.1 and RFC 1035 section 4.2.
HTTP_PORT = 80
DNS_PORT = 53

Json: TypeAlias = bool | int | str | Sequence["Json"] | Mapping[str, "Json"] | None


def canonical(document: Json) -> bytes:
    """The one encoding of a JSON value: UTF-8, keys sorted, no spaces.

    >>> canonical({"b": 1, "a": "é"}).decode()
    '{"a":"é","b":1}'
    """
    text = json.dumps(
        document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode()


def service_config(node: ResolvedNode, *, topology: str) -> bytes:
    """The canonical configuration document of a deployed node.

    Raises `ValueError` for an external node, which has no services to configure.
    """
    if not node.deployed:
        raise ValueError(f"{node.name} is external: nothing configures it")
    document: dict[str, Json] = {
        "version": VERSION,
        "topology": topology,
        "node": node.name,
        "kind": node.kind.value,
        "interfaces": [
            _interface(one) for one in sorted(node.interfaces, key=lambda one: one.segment)
        ],
        "routes": [_route(one) for one in sorted(node.routes, key=route_order)],
    }
    if node.kind.forwards:
        document["dataplane"] = node.dataplane.value
        document["reverse_path"] = node.reverse_path.value
    if node.metrics is not None:
        sources = [str(one) for one in node.metrics.sources]
        document["metrics"] = {"port": node.metrics.port, "from": sources}
    if node.policy is not None:
        document["filter"] = _filter(node.policy)
    if node.kind is Kind.WEB:
        document["web"] = {
            "port": HTTP_PORT,
            "resources": [
                _resource(one) for one in sorted(node.resources, key=lambda one: one.path)
            ],
        }
    if node.kind is Kind.DNS:
        limit: dict[str, Json] = {"rate_limit": node.rate_limit} if node.rate_limit else {}
        document["dns"] = {
            "port": DNS_PORT,
            "zones": [_zone(one) for one in sorted(node.zones, key=lambda one: one.origin)],
            **limit,
        }
    return canonical(document)


def _interface(interface: ResolvedInterface) -> Json:
    return {
        "name": interface.segment,
        "zone": interface.zone,
        "mac": interface.mac,
        "mtu": interface.mtu,
        "addresses": [str(one) for one in sorted(interface.addresses, key=address_order)],
    }


def address_order(address: InterfaceAddress) -> tuple[int, int, int]:
    """The order of addresses wherever they are listed: IPv4 first, then by value."""
    return (address.version, int(address.ip), address.network.prefixlen)


def route_order(route: ResolvedRoute) -> tuple[int, int, int, str, int]:
    """The order of routes wherever they are listed: IPv4 first, then by prefix."""
    prefix = route.prefix
    return (
        prefix.version,
        int(prefix.network_address),
        prefix.prefixlen,
        route.interface,
        int(route.via),
    )


def _route(route: ResolvedRoute) -> Json:
    return {"prefix": str(route.prefix), "via": str(route.via), "interface": route.interface}


def _filter(policy: ResolvedPolicy) -> Json:
    return {
        "default": policy.default.value,
        "stateful": policy.stateful,
        "rules": [_rule(one) for one in policy.rules],
    }


def _rule(rule: ResolvedRule) -> Json:
    # Alternatives are sets: only the order of the rules means anything.
    return {
        "name": rule.name,
        "action": rule.action.value,
        "log": rule.log,
        "from": [_endpoint(one) for one in sorted(set(rule.sources), key=_endpoint_order)],
        "to": [_endpoint(one) for one in sorted(set(rule.destinations), key=_endpoint_order)],
        "match": [
            _match(one)
            for one in sorted(
                set(rule.matches), key=lambda one: (one.protocol.value, one.ports, one.types)
            )
        ],
    }


def _endpoint(endpoint: Endpoint) -> Json:
    if endpoint.prefix is not None:
        return {"prefix": str(endpoint.prefix)}
    return {"interface": endpoint.interface}


def _endpoint_order(endpoint: Endpoint) -> tuple[str, int, int, int]:
    prefix = endpoint.prefix
    if prefix is None:
        return (endpoint.interface or "", 0, 0, 0)
    return ("", prefix.version, int(prefix.network_address), prefix.prefixlen)


def _match(match: Match) -> Json:
    document: dict[str, Json] = {"protocol": match.protocol.value}
    if match.ports:
        document["ports"] = [list(one) for one in sorted(set(match.ports))]
    if match.types:
        document["types"] = sorted(set(match.types))
    return document


def _resource(resource: Resource) -> Json:
    document: dict[str, Json] = {"path": resource.path, "type": resource.media_type}
    try:
        document["body"] = resource.body.decode()
    except UnicodeDecodeError:
        document["base64"] = base64.b64encode(resource.body).decode("ascii")
    return document


def _zone(zone: DnsZone) -> Json:
    return {
        "origin": zone.origin,
        "ttl": zone.ttl,
        "soa": {
            "primary": zone.primary,
            "mailbox": zone.mailbox,
            "serial": zone.serial,
            "refresh": zone.refresh,
            "retry": zone.retry,
            "expire": zone.expire,
            "minimum": zone.minimum,
        },
        "records": [
            {"name": one.name, "type": one.type, "ttl": one.ttl, "data": one.data}
            for one in sorted(zone.records, key=lambda one: (one.name, one.type, one.data, one.ttl))
        ],
    }


__all__ = [
    "DNS_PORT",
    "HTTP_PORT",
    "VERSION",
    "Json",
    "address_order",
    "canonical",
    "route_order",
    "service_config",
]
