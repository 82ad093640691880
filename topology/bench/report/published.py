"""Published figures to stand beside ours: from other machines, each with its source."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter

from topology.bench.measure.base import Section

__all__ = ["Published", "published"]

_FILE = Path(__file__).with_name("published.json")


class Published(BaseModel):
    """A figure as its source gives it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    section: Section
    system: str
    figure: str
    source: str
    beside: tuple[str, ...] = ()
    """The names of our figures that it stands beside in the first table."""


@cache
def published() -> tuple[Published, ...]:
    """All of them, in the order of the sections."""
    return TypeAdapter(tuple[Published, ...]).validate_json(_FILE.read_bytes())
