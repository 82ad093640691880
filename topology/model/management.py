"""Management: who may look inside the nodes that run."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from topology.model.base import Model, OneOrMore, Strict, bad_value

__all__ = ["Management"]

_SERVED = {53: "dns", 80: "web"}


def _port(value: Any) -> Any:
    if type(value) is int and value in _SERVED:
        raise bad_value(
            "port", f"{_SERVED[value]} nodes serve port {value} already", "leave port out for 9100"
        )
    return value


class Management(Model):
    """Web and DNS nodes show their metrics on TCP `port` to these sources, and to nobody else.

    Sources are zones, segments, nodes or prefixes. Rules have to let them through like any other
    flow. The page is `/metrics`, in Prometheus' text format.
    """

    sources: OneOrMore = Field(validation_alias="from", serialization_alias="from")
    port: Annotated[int, Strict, Field(ge=1, le=65535), BeforeValidator(_port)] = 9100
