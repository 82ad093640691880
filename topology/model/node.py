"""What nodes of every kind have: interfaces, routes and a place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from topology.model.base import Address, Mac, Model, Name, Strict, Text

__all__ = ["DeployedNode", "ForwardingNode", "Interface", "Interfaces", "Node"]


class Interface(Model):
    """An attachment to a segment; without addresses one of each prefix is derived.

    A file may write the addresses alone, as a list or a single one.
    """

    addresses: Annotated[tuple[Address, ...], Field(max_length=64)] = ()
    mac: Mac | None = None


def _interface(value: Any) -> Any:
    if value is None:
        return {}
    if isinstance(value, str):
        return {"addresses": [value]}
    if isinstance(value, list | tuple):
        return {"addresses": list(value)}
    return value


def _interfaces(value: Any) -> Any:
    """A list of segments is a mapping whose interfaces are all derived."""
    if isinstance(value, str):
        return {value: None}
    if isinstance(value, list | tuple) and all(isinstance(name, str) for name in value):
        return dict.fromkeys(value)
    return value


Interfaces = Annotated[
    Mapping[Text, Annotated[Interface, BeforeValidator(_interface)]],
    BeforeValidator(_interfaces),
    Field(min_length=1),
]
"""A node's interfaces by the name of their segment: a node has at most one on each."""


class Node(Model):
    """What every kind has.

    `routes` maps a destination (`default`, a segment, a zone, a prefix) to the node that is the
    next hop. Left out, routes are derived along the shortest path; an empty mapping is none.
    """

    interfaces: Interfaces
    routes: Mapping[Text, Text] | None = None
    host: Name = "local"


class DeployedNode(Node):
    """A node that becomes a domain; `memory` is in MiB, the platform's default when left out."""

    memory: Annotated[int, Strict, Field(ge=2, le=65536)] | None = None
    vcpus: Annotated[int, Strict, Field(ge=1, le=64)] = 1


class ForwardingNode(DeployedNode):
    """A node that passes packets on; `dataplane` says by what code in a container.

    `reverse_path: strict` drops packets that come in by another interface than the node would
    send to their source by (RFC 3704 section 2.2); `off` is for paths that are asymmetric.
    """

    dataplane: Annotated[str, Field(pattern="^(kernel|shared)$")] = "kernel"
    reverse_path: Annotated[str, Field(pattern="^(strict|off)$")] = "strict"
