"""The topology: what a user declares, whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from topology.model.base import Model, Name, bad_value
from topology.model.dns import DnsNode
from topology.model.external import ExternalNode
from topology.model.firewall import FirewallNode
from topology.model.management import Management
from topology.model.policy import Policy
from topology.model.router import RouterNode
from topology.model.segment import Segment
from topology.model.service import Matches
from topology.model.statement import Statement
from topology.model.web import WebNode

__all__ = ["AnyNode", "Topology"]


def _kind(value: Any) -> Any:
    return value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)


AnyNode = Annotated[
    Annotated[DnsNode, Tag("dns")]
    | Annotated[ExternalNode, Tag("external")]
    | Annotated[FirewallNode, Tag("firewall")]
    | Annotated[RouterNode, Tag("router")]
    | Annotated[WebNode, Tag("web")],
    Discriminator(_kind),
]
"""A node of any kind: a new kind is its model file and a line here."""


def _version(value: Any) -> Any:
    if type(value) is not int or value != 1:
        raise bad_value("version", f"format {value!r} is not known here", "write version: 1")
    return value


class Topology(Model):
    """Segments, nodes, policies and statements by name; the order of names means nothing.

    A value that exists is well formed; whether its names and addresses fit together is what
    `topology.check` says.
    """

    version: Annotated[Literal[1], BeforeValidator(_version)] = 1
    name: Name
    services: Mapping[Name, Matches] = {}
    segments: Annotated[Mapping[Name, Segment], Field(min_length=1)]
    nodes: Annotated[Mapping[Name, AnyNode], Field(min_length=1)]
    policies: Mapping[Name, Policy] = {}
    management: Management | None = None
    statements: Mapping[Name, Statement] = {}
