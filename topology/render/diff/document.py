"""A diff as a JSON document, and the schema that says what it may hold."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, cast

from pydantic import TypeAdapter

from topology.diagnostics import Diagnostic, display_path
from topology.diff.types import (
    DeploymentDiff,
    Diff,
    FlowDiff,
    StatementChange,
    StructureChange,
)

__all__ = ["DiagnosticDocument", "DiffDocument", "SideDocument", "diff_document", "diff_schema"]


@dataclass(frozen=True, slots=True)
class DiagnosticDocument:
    """A mistake in a side: its code, where it is, what is wrong and what to type."""

    code: str
    severity: str
    summary: str
    path: str
    file: str | None = None
    line: int | None = None
    column: int | None = None
    detail: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class SideDocument:
    """A side: what it was called, whether it is valid, and its diagnostics."""

    label: str
    valid: bool
    diagnostics: tuple[DiagnosticDocument, ...]


@dataclass(frozen=True, slots=True)
class DiffDocument:
    """What differs between two topologies.

    `flows` and `statements` are null where a side is invalid and they were not compared.
    """

    version: Literal[1]
    topology: str
    differs: bool
    old: SideDocument
    new: SideDocument
    notes: tuple[str, ...]
    structure: tuple[StructureChange, ...]
    flows: tuple[FlowDiff, ...] | None
    deployments: tuple[DeploymentDiff, ...]
    statements: tuple[StatementChange, ...] | None


def diff_document(diff: Diff) -> dict[str, Any]:
    """The whole diff; enumerations by their values, places as file and line."""
    document = DiffDocument(
        version=1,
        topology=diff.topology,
        differs=diff.differs,
        old=_side(diff.old, diff.diagnostics[0]),
        new=_side(diff.new, diff.diagnostics[1]),
        notes=diff.notes,
        structure=diff.structure,
        flows=diff.flows,
        deployments=diff.deployments,
        statements=diff.statements,
    )
    return cast("dict[str, Any]", _adapter().dump_python(document, mode="json"))


def diff_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of `diff_document`."""
    schema = _adapter().json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


@cache
def _adapter() -> TypeAdapter[DiffDocument]:
    return TypeAdapter(DiffDocument)


def _side(label: str, diagnostics: Iterable[Diagnostic]) -> SideDocument:
    listed = tuple(diagnostics)
    valid = all(one.severity.value != "error" for one in listed)
    return SideDocument(label, valid, tuple(map(_diagnostic, listed)))


def _diagnostic(one: Diagnostic) -> DiagnosticDocument:
    position = one.subject.position
    return DiagnosticDocument(
        one.code.value,
        one.severity.value,
        one.summary,
        display_path(one.subject.path),
        position.file if position else None,
        position.line if position else None,
        position.column if position else None,
        one.detail,
        one.hint,
    )
