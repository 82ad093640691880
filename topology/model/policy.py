"""Policies: ordered rules, the first that matches decides."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from topology.model.base import Model, Name, OneOrMore, Strict, bad_value
from topology.model.words import RuleAction

__all__ = ["Policy", "Rule"]


class Rule(Model):
    """Permits or denies services between endpoints; `any` stands for everything.

    Services are names of services or matches (`tcp/80`); endpoints are zones, segments, nodes,
    prefixes.
    """

    name: Name
    permit: OneOrMore | None = None
    deny: OneOrMore | None = None
    sources: OneOrMore = Field(validation_alias="from", serialization_alias="from")
    destinations: OneOrMore = Field(validation_alias="to", serialization_alias="to")
    log: Annotated[bool, Strict] = False

    @model_validator(mode="after")
    def _one_action(self) -> Self:
        if (self.permit is None) == (self.deny is None):
            raise bad_value("rule", "a rule has one of permit and deny", "write permit: SERVICE")
        return self

    @property
    def action(self) -> RuleAction:
        """What the rule does."""
        return RuleAction.PERMIT if self.permit is not None else RuleAction.DENY

    @property
    def services(self) -> tuple[str, ...]:
        """What the rule does it to."""
        return self.permit or self.deny or ()


class Policy(Model):
    """Ordered rules; `default` decides what none matches, established flows pass if stateful."""

    default: Literal["deny", "permit"] = "deny"
    stateful: Annotated[bool, Strict] = True
    rules: tuple[Rule, ...] = ()
