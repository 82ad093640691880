"""JSON views: stable keys, sorted, addresses and prefixes as text."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import TypeAlias

import typer

from topology.diagnostics import Diagnostic, display_path
from topology.resolve.types import ResolvedTopology, Resource

__all__ = ["Json", "diagnostics_document", "document_of", "print_document", "topology_document"]

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


def print_document(document: Json) -> None:
    """Prints a document, indented, with sorted keys."""
    typer.echo(json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False))


def diagnostics_document(diagnostics: Iterable[Diagnostic]) -> list[Json]:
    """Diagnostics as objects; what a diagnostic does not have is absent."""
    return [_diagnostic(diagnostic) for diagnostic in diagnostics]


def topology_document(topology: ResolvedTopology) -> Json:
    """The whole resolved topology, with the version of this form."""
    document = document_of(topology)
    assert isinstance(document, dict)
    return {"version": 1, **document}


def document_of(value: object) -> Json:
    """Any resolved value as JSON; `None` and empty sequences of an object are left out."""
    if isinstance(value, Resource):
        return _resource(value)
    if is_dataclass(value) and not isinstance(value, type):
        items = {f.name: getattr(value, f.name) for f in fields(value)}
        return {k: document_of(v) for k, v in items.items() if v is not None and v != ()}
    if isinstance(value, Enum):
        return str(value.value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): document_of(item) for key, item in value.items()}
    if isinstance(value, Iterable) and not hasattr(value, "prefixlen"):
        return [document_of(item) for item in value]
    return str(value)


def _diagnostic(diagnostic: Diagnostic) -> Json:
    position = diagnostic.subject.position
    document: dict[str, Json] = {
        "code": diagnostic.code.value,
        "severity": diagnostic.severity.value,
        "summary": diagnostic.summary,
        "path": display_path(diagnostic.subject.path),
    }
    if position is not None:
        document["file"] = position.file
        if position.line:
            document |= {"line": position.line, "column": position.column}
    if diagnostic.detail:
        document["detail"] = diagnostic.detail
    if diagnostic.hint:
        document["hint"] = diagnostic.hint
    return document


def _resource(resource: Resource) -> Json:
    document: dict[str, Json] = {"path": resource.path, "media_type": resource.media_type}
    try:
        return {**document, "body": resource.body.decode()}
    except UnicodeDecodeError:
        return {**document, "base64": b64encode(resource.body).decode()}
