"""Statements: what must and must not get through, in the author's words."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from topology.model.base import Model, OneOrMore, Text
from topology.model.words import StatementKind

__all__ = ["Isolate", "Only", "Reach", "Statement", "Waypoint"]


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


class Waypoint(_Statement):
    """Whatever gets from a source to a destination passes through the node."""

    waypoint: Text


def _kind(value: Any) -> str | None:
    for kind in StatementKind:
        if (kind.value in value) if isinstance(value, dict) else hasattr(value, kind.value):
            return kind.value
    return None


Statement = Annotated[
    Annotated[Isolate, Tag("isolate")]
    | Annotated[Only, Tag("only")]
    | Annotated[Reach, Tag("reach")]
    | Annotated[Waypoint, Tag("waypoint")],
    Discriminator(_kind),
]
