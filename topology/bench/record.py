"""What a benchmark writes down: JSON lines, one a sample, the run that they belong to first.

A file of them is all that a report is made from, and all that a run is resumed from.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, TypeAdapter, ValidationError

from topology.bench.errors import RecordError

__all__ = [
    "Done",
    "Failure",
    "Line",
    "Note",
    "Point",
    "Run",
    "Sample",
    "Subject",
    "point_text",
    "read_lines",
    "record_schema",
    "write_lines",
]

Scalar: TypeAlias = int | float | str
Point: TypeAlias = Mapping[str, Scalar]
"""Where in a sweep a figure was taken: `{"rate": 1000}`, `{"rules": 10, "path": "through"}`."""

Detail: TypeAlias = Mapping[str, Scalar | list[Scalar] | dict[str, Scalar]]


class Subject(StrEnum):
    """What was measured."""

    UNIKERNEL = "unikernel"
    CONTAINERS = "containers"
    """Our containers under libvirt LXC, forwarding by the kernel."""
    SHARED = "shared"
    """The same, forwarding by the code that unikernels forward with."""
    STOCK = "stock"
    """Stock Linux parts in namespaces: kernel forwarding, nftables, nginx, NSD."""
    RUNC = "runc"
    """Our container root under Debian's runc."""
    ENGINE = "engine"
    """The engine itself, with nothing deployed."""


@dataclass(frozen=True, slots=True)
class Run:
    """The first line: on what machine, with what, of what, and when."""

    version: Literal[1]
    started: str
    """UTC, ISO 8601."""
    machine: Mapping[str, Scalar | None]
    """Cores, processor, memory, accelerator, kernel, load before, frequency governor."""
    tools: Mapping[str, str]
    """Versions of all that took part, by name."""
    digests: Mapping[str, str]
    """SHA-256 of each image (`unikernel/web`), of the topology, and the revision of the source."""
    options: Mapping[str, Scalar | list[str] | None]
    """How the run was asked for."""
    unequal: tuple[str, ...] = ()
    """What is not the same on all sides, to be said first."""
    type: Literal["run"] = "run"


@dataclass(frozen=True, slots=True)
class Sample:
    """One figure, taken once: `value` in `unit` of `measure`, for `subject`, at `point`.

    `detail` holds what explains the figure and is not compared.
    """

    measure: str
    subject: Subject
    point: Point
    repeat: int
    value: float
    unit: str
    detail: Detail = field(default_factory=dict)
    type: Literal["sample"] = "sample"


@dataclass(frozen=True, slots=True)
class Done:
    """One execution of a measure, finished: its samples stand before this line."""

    measure: str
    subject: Subject
    point: Point
    repeat: int
    seconds: float
    type: Literal["done"] = "done"


@dataclass(frozen=True, slots=True)
class Note:
    """What a reader should know of a measure, a subject, or of the whole run."""

    text: str
    measure: str = ""
    subject: str = ""
    type: Literal["note"] = "note"


@dataclass(frozen=True, slots=True)
class Failure:
    """A measurement that gave no figure, and why."""

    measure: str
    subject: str
    text: str
    point: Point = field(default_factory=dict)
    repeat: int = 0
    type: Literal["failure"] = "failure"


Line: TypeAlias = Annotated[Run | Sample | Done | Note | Failure, Field(discriminator="type")]


def point_text(point: Point) -> str:
    """A point for people, keys in order of their names.

    >>> point_text({"rules": 10, "path": "through"})
    'path through, rules 10'
    """
    return ", ".join(f"{key} {point[key]}" for key in sorted(point))


def write_lines(lines: Iterable[Line]) -> str:
    """Lines as text, canonical: what has its default is written, keys are sorted."""
    return "".join(json.dumps(asdict(line), sort_keys=True) + "\n" for line in lines)


def read_lines(path: Path, *, cut: bool = False) -> Iterator[Line]:
    """The lines of a file, validated; with `cut` a last line that was cut off is left out.

    Raises `RecordError` where the file is missing, its first line is no run, or a line is invalid.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecordError(f"{path} cannot be read: {error}") from error
    parts = text.splitlines(keepends=True)
    if cut and parts and not parts[-1].endswith("\n"):
        parts.pop()
    for number, part in enumerate(parts, 1):
        try:
            line: Line = _adapter().validate_json(part)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise RecordError(f"{path}:{number}: {where}: {first['msg']}") from error
        if (number == 1) != isinstance(line, Run):
            raise RecordError(f"{path}:{number}: the first line and no other is the run")
        yield line
    if not parts:
        raise RecordError(f"{path} is empty: a benchmark begins with its run")


def record_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of one line."""
    schema = _adapter().json_schema(mode="serialization")
    del schema["discriminator"]  # OpenAPI's word; each kind's constant says the same
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


@cache
def _adapter() -> TypeAdapter[Line]:
    return TypeAdapter(Line)
