"""A user's mistakes as values: what is wrong, where, and what to type instead."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from heapq import nsmallest
from typing import TypeAlias, overload

__all__ = [
    "Code",
    "Diagnostic",
    "Diagnostics",
    "Path",
    "Position",
    "Severity",
    "Subject",
    "did_you_mean",
    "display_path",
]

Path: TypeAlias = tuple[str | int, ...]
"""Where something stands in a topology: keys and list indices from the top."""


class Severity(StrEnum):
    """How much a diagnostic matters: only errors make a topology invalid."""

    ERROR = "error"
    WARNING = "warning"
    REMARK = "remark"


class Code(StrEnum):
    """Stable codes: 0xx the file, 1xx its form, 2xx names, 3xx what they amount to, 4xx proofs."""

    UNREADABLE = "TOP001"
    TOO_LARGE = "TOP002"
    NOT_UTF8 = "TOP003"
    SYNTAX = "TOP004"
    DUPLICATE_KEY = "TOP005"
    TOO_DEEP = "TOP006"
    NOT_A_MAPPING = "TOP007"
    YAML_FEATURE = "TOP008"

    UNKNOWN_KEY = "TOP101"
    MISSING_KEY = "TOP102"
    WRONG_TYPE = "TOP103"
    BAD_VALUE = "TOP104"
    BAD_NAME = "TOP105"
    UNKNOWN_KIND = "TOP106"
    NOT_SUPPORTED = "TOP107"

    UNKNOWN_NAME = "TOP201"
    AMBIGUOUS_NAME = "TOP202"
    DUPLICATE_NAME = "TOP203"
    NO_FREE_ADDRESS = "TOP204"
    CONTENT_UNREADABLE = "TOP205"
    CONTENT_TOO_LARGE = "TOP206"
    CONTENT_OUTSIDE = "TOP207"

    OVERLAPPING_PREFIXES = "TOP301"
    UNUSABLE_PREFIX = "TOP302"
    ADDRESS_OUTSIDE = "TOP303"
    DUPLICATE_ADDRESS = "TOP304"
    DUPLICATE_MAC = "TOP305"
    NEXT_HOP_ELSEWHERE = "TOP306"
    NEXT_HOP_NO_FORWARDER = "TOP307"
    ROUTE_TO_NOWHERE = "TOP308"
    ROUTE_MISSING = "TOP309"
    UNREACHABLE_NODE = "TOP310"
    ROUTE_LOOP = "TOP311"
    ASYMMETRIC_PATH = "TOP312"
    ZONE_WITHOUT_NS = "TOP320"
    ZONE_CONTRADICTION = "TOP321"
    RECORD_TO_NOWHERE = "TOP322"
    UNUSED_POLICY = "TOP330"
    UNUSED_NAME = "TOP331"
    SHADOWED_RULE = "TOP332"
    RULE_NEVER_MATCHES = "TOP333"
    EMPTY_SET = "TOP340"
    STATEMENT_REFERENCE = "TOP341"
    CONTRADICTION = "TOP342"
    PLACED_APART = "TOP350"
    TOO_MANY_INTERFACES = "TOP351"
    TOO_LITTLE_MEMORY = "TOP352"
    SINGLE_POINT_OF_FAILURE = "TOP360"
    HOST_PREFIX = "TOP361"

    STATEMENT_BROKEN = "TOP401"


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a file: line and column from 1 in characters, `text` the line it is on."""

    file: str
    line: int = 0
    column: int = 0
    length: int = 1
    text: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Subject:
    """What a diagnostic is about: a path in the topology, and its position where a file has one.

    `on_key` points at the key itself and not at its value.
    """

    path: Path = ()
    position: Position | None = None
    on_key: bool = False

    def __str__(self) -> str:
        return str(self.position) if self.position else display_path(self.path)


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One mistake: `summary` names it, `detail` explains it, `hint` says what to type."""

    code: Code
    summary: str
    subject: Subject = field(default_factory=Subject)
    detail: str = ""
    hint: str = ""
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        parts = [f"{self.subject}: {self.severity} {self.code}: {self.summary}"]
        if self.detail:
            parts.append(self.detail)
        if self.hint:
            parts.append(f"Hint: {self.hint}")
        return ". ".join(part.rstrip(".") for part in parts)


class Diagnostics(Sequence[Diagnostic]):
    """Diagnostics in the order of the file; immutable."""

    __slots__ = ("_items",)

    def __init__(self, items: Iterable[Diagnostic] = ()) -> None:
        unique = dict.fromkeys(items)
        self._items = tuple(sorted(unique, key=_order))

    @property
    def ok(self) -> bool:
        """Whether there is no error among them."""
        return not self.errors

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """Those that make the topology invalid."""
        return tuple(d for d in self._items if d.severity is Severity.ERROR)

    def __add__(self, other: Iterable[Diagnostic]) -> Diagnostics:
        return Diagnostics((*self._items, *other))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Diagnostics) and self._items == other._items

    def __hash__(self) -> int:
        return hash(self._items)

    @overload
    def __getitem__(self, index: int) -> Diagnostic: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Diagnostic]: ...
    def __getitem__(self, index: int | slice) -> Diagnostic | Sequence[Diagnostic]:
        return self._items[index]

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return f"Diagnostics({list(self._items)!r})"


def _order(diagnostic: Diagnostic) -> tuple[object, ...]:
    position = diagnostic.subject.position
    place = (position.file, position.line, position.column) if position else ("", 0, 0)
    return (*place, display_path(diagnostic.subject.path), diagnostic.code, diagnostic.summary)


_PLAIN = re.compile(r"[A-Za-z0-9_@-]+")


def display_path(path: Path) -> str:
    """A path as a reader would write it.

    >>> display_path(("nodes", "web", "interfaces", "servers", 0))
    'nodes.web.interfaces.servers[0]'
    >>> display_path(("nodes", "dns", "records", "poc.example", "@"))
    'nodes.dns.records."poc.example".@'
    """
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            shown = part if _PLAIN.fullmatch(part) else '"' + part.replace('"', '\\"') + '"'
            text += f".{shown}" if text else shown
    return text


def did_you_mean(word: str, known: Iterable[str], what: str = "known") -> str:
    """A hint that names what was probably meant, else what there is (at most eight).

    Of very many names only those that start alike are compared: a large topology can have as
    many mistakes.
    """
    among = tuple(known)
    if len(among) > _MANY:
        start = word[:2]
        among = tuple(name for name in among if name.startswith(start))
        near = nsmallest(_MANY, set(among), key=lambda name: abs(len(name) - len(word)))
        close = get_close_matches(word, sorted(near), n=1, cutoff=0.6)
        return f"did you mean {close[0]}?" if close else ""
    names = sorted(set(among))
    close = get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]}?"
    if not names:
        return ""
    shown = ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
    return f"{what}: {shown}"


_MANY = 256
