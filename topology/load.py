"""A topology file read into the model, with every mistake at its place."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from topology.diagnostics import Code, Diagnostic, Diagnostics, Position, Subject
from topology.mistakes import diagnostics_of
from topology.model import Topology
from topology.source import Source, SourceError

__all__ = ["MAX_BYTES", "Loaded", "load_file", "load_text"]

MAX_BYTES = 16 * 1024 * 1024
"""The largest file that is read; ten thousand nodes need about a quarter of it."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a file says: a topology where its form is right, and the source of its positions."""

    topology: Topology | None
    source: Source | None
    diagnostics: Diagnostics

    def locate(self, diagnostics: Iterable[Diagnostic]) -> Diagnostics:
        """The same diagnostics, each at its position in the file."""
        if self.source is None:
            return Diagnostics(diagnostics)
        return Diagnostics(
            replace(d, subject=self.source.locate(d.subject)) if d.subject.position is None else d
            for d in diagnostics
        )


def load_file(path: Path | str) -> Loaded:
    """Reads a topology file; whatever is wrong with it, the file's absence included, is told."""
    path = Path(path)
    shown = str(path)
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            what = "a directory" if stat.S_ISDIR(mode) else "no regular file"
            return _failed(shown, Code.UNREADABLE, f"{shown} is {what}", "name the topology's file")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return _failed(
            shown,
            Code.UNREADABLE,
            f"there is no file {shown}",
            "name the topology's file, or change to its directory",
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return _failed(shown, Code.UNREADABLE, f"{shown} cannot be read: {reason}", "")
    if len(data) > MAX_BYTES:
        return _failed(
            shown,
            Code.TOO_LARGE,
            f"{shown} is larger than {MAX_BYTES >> 20} MiB",
            "a topology is text: is this the right file?",
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
        position = Position(shown, line, column)
        return Loaded(
            None,
            None,
            Diagnostics(
                [
                    Diagnostic(
                        Code.NOT_UTF8,
                        "the file is not UTF-8",
                        Subject((), position),
                        hint="save it as UTF-8",
                    )
                ]
            ),
        )
    return load_text(text, shown)


def load_text(text: str, file: str = "<text>") -> Loaded:
    """Reads a topology from YAML; `file` is the name that positions carry."""
    try:
        source = Source(file, text)
        plain, diagnostics = source.plain()
    except SourceError as error:
        return Loaded(None, None, Diagnostics([error.diagnostic]))
    loaded = Loaded(None, source, Diagnostics())
    if not isinstance(plain, dict):
        what = "empty" if plain is None else "not a mapping"
        diagnostics.append(
            Diagnostic(Code.NOT_A_MAPPING, f"the file is {what}", hint="start with `version: 1`")
        )
        return replace(loaded, diagnostics=loaded.locate(diagnostics))
    if "version" not in plain:
        diagnostics.append(
            Diagnostic(Code.MISSING_KEY, "`version` is missing", hint="add `version: 1`")
        )
    topology = None
    try:
        topology = Topology.model_validate(plain, by_alias=True, by_name=False)
    except ValidationError as error:
        diagnostics.extend(diagnostics_of(error))
    if diagnostics:
        topology = None
    return replace(loaded, topology=topology, diagnostics=loaded.locate(diagnostics))


def _failed(file: str, code: Code, summary: str, hint: str) -> Loaded:
    subject = Subject((), Position(file))
    return Loaded(None, None, Diagnostics([Diagnostic(code, summary, subject, hint=hint)]))
