"""A report of drift as a JSON document, with its published schema."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, cast

from pydantic import TypeAdapter

from topology.drift.types import Drift, Report, Restarted, Skipped

__all__ = ["drift_document", "drift_schema"]


@dataclass(frozen=True, slots=True)
class DriftDocument:
    version: Literal[1]
    stack: str
    variant: str
    topology: str
    drifts: tuple[Drift, ...]
    skipped: tuple[Skipped, ...]
    seconds: float
    restarted: tuple[Restarted, ...]


def drift_document(report: Report) -> dict[str, Any]:
    """The whole report; codes and things by their values."""
    document = DriftDocument(
        1,
        report.stack,
        report.variant,
        report.topology,
        tuple(report.drifts),
        tuple(report.skipped),
        round(report.seconds, 3),
        tuple(report.restarted),
    )
    return cast("dict[str, Any]", _adapter().dump_python(document, mode="json"))


def drift_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of `drift_document`."""
    schema = _adapter().json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


@cache
def _adapter() -> TypeAdapter[DriftDocument]:
    return TypeAdapter(DriftDocument)
