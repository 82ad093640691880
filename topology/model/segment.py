"""A segment: a shared layer-2 domain with the prefixes that are used on it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from topology.model.base import Model, Name, Prefix, Strict

__all__ = ["Segment"]


class Segment(Model):
    """A shared layer-2 domain; without `zone` it is a zone of its own, by its own name.

    `mtu` is in bytes (IPv6 needs 1280, RFC 8200 section 5); `host` places the segment.
    """

    prefixes: Annotated[tuple[Prefix, ...], Field(min_length=1, max_length=16)]
    zone: Name | None = None
    mtu: Annotated[int, Strict, Field(ge=1280, le=9216)] = 1500
    host: Name = "local"
