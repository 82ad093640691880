"""Statements: what must and must not get through, in the author's words."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator, Field, Tag

from topology.model.base import DnsName, Model, OneOrMore, Text
from topology.model.words import RoutingFault, StatementKind

__all__ = ["Isolate", "Never", "Only", "Reach", "Resolve", "Statement", "Waypoint"]


class _Statement(Model):
    """Sources and destinations are `any`, zones, segments or nodes."""

    sources: OneOrMore = Field(validation_alias="from", serialization_alias="from")
    destinations: OneOrMore = Field(validation_alias="to", serialization_alias="to")


class Reach(_Statement):
    """Every source opens the services on every destination."""

    reach: OneOrMore


class Only(_Statement):
    """Nothing but what the named `reach` statements say gets from sources to destinations."""

    only: OneOrMore


class Isolate(_Statement):
    """No source opens the services on a destination; `across` limits it to paths through a node."""

    isolate: OneOrMore
    across: Text | None = None


class Resolve(_Statement):
    """Every source that asks a server of its zone for the name gets the destinations' addresses.

    All of them and no others, over UDP and TCP, from each server that has the zone.
    """

    resolve: DnsName


class Waypoint(_Statement):
    """Whatever gets from a source to a destination passes through the node."""

    waypoint: Text


class Never(_Statement):
    """No packet from a source to a destination meets these faults of routes.

    A loop is one for any header, whatever neighbour it is handed to. A black hole is where a
    node's own packet ends for want of a route, or of the neighbour that the route leads to.
    """

    never: Annotated[
        tuple[RoutingFault, ...],
        BeforeValidator(lambda value: [value] if isinstance(value, str) else value),
        Field(min_length=1),
    ]


def _kind(value: Any) -> str | None:
    for kind in StatementKind:
        if (kind.value in value) if isinstance(value, dict) else hasattr(value, kind.value):
            return kind.value
    return None


Statement = Annotated[
    Annotated[Isolate, Tag("isolate")]
    | Annotated[Never, Tag("never")]
    | Annotated[Only, Tag("only")]
    | Annotated[Reach, Tag("reach")]
    | Annotated[Resolve, Tag("resolve")]
    | Annotated[Waypoint, Tag("waypoint")],
    Discriminator(_kind),
]
