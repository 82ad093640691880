"""What the words on a command line mean as a side, and the topology that is there."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from pydantic import ValidationError

from topology.diagnostics import Diagnostics
from topology.diagnostics import Path as ModelPath
from topology.diff.view import View
from topology.load import MAX_BYTES, Loaded, load_file, load_text
from topology.model import Topology, WebNode
from topology.pipeline import resolve_topology
from topology.plan.record import Record, hashed
from topology.resolve import resolve
from topology.resolve.types import ResolvedTopology, Resource
from topology.sides.errors import Fault, SideError
from topology.sides.git import Repository, Revision
from topology.sides.stack import read_record

__all__ = ["Side", "read_side", "stack_side", "text_side"]

_STACK = "stack:"
_SUFFIXES = (".yaml", ".yml")
_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Side:
    """One side: what it is called, what it says, and where the sources of its images are.

    `whole` has the content's bytes, and is `None` for what is invalid or deployed. `view` is
    `None` where not even the form of the file can be read. `unread` names the parts of a broken
    file that were left out of `view`.
    """

    label: str
    path: Path
    view: View | None
    diagnostics: Diagnostics
    whole: ResolvedTopology | None = None
    revision: Revision | None = None
    record: Record | None = None
    domains: frozenset[str] = frozenset()
    unread: tuple[ModelPath, ...] = ()


def read_side(text: str, *, default: Path, root: Path) -> Side:
    """A file, `REVISION`, `REVISION:PATH` or `stack:NAME`.

    `default` is the file that is meant where a revision names none; `root` is the Pulumi
    project. Raises `SideError` where there is no such thing.
    """
    if text.startswith(_STACK):
        return _stack(text.removeprefix(_STACK), root)
    if Path(text).exists() and not Path(text).is_dir():
        return _file(Path(text))
    name, colon, path = text.partition(":")
    if not colon and Path(text).suffix in _SUFFIXES:
        raise SideError(
            Fault.NO_PATH,
            f"there is no file {text}",
            "name a file, a revision such as main, REVISION:PATH, or stack:NAME",
        )
    repository = Repository.around(Path.cwd())
    revision = repository.revision(name or "HEAD")
    where = PurePosixPath(path) if path else repository.relative(default)
    if path.startswith("./"):
        where = repository.relative(Path(path))
    return _revision(revision, where)


def text_side(text: str, label: str, base: Path) -> Side:
    """A side that is only a text; content is relative to `base`."""
    return _side(load_text(text, label), label, Path(label), base)


def _file(path: Path) -> Side:
    return _side(load_file(path), str(path), path, path.parent)


def _revision(revision: Revision, path: PurePosixPath) -> Side:
    label = f"{revision.name}:{path}"
    content = revision.text(path)
    if len(content) > MAX_BYTES:
        raise SideError(Fault.NO_PATH, f"{label} is larger than {MAX_BYTES >> 20} MiB")
    loaded = load_text(content.decode("utf-8-sig", errors="replace"), label)
    with tempfile.TemporaryDirectory(prefix="topology-") as scratch:
        base = Path(scratch) / path.parent
        folders = _content(loaded.topology, path.parent)
        if folders:
            revision.extract(Path(scratch), revision.files(*folders))
        side = _side(loaded, label, Path(path), base)
    return replace(side, revision=revision)


def _content(topology: Topology | None, base: PurePosixPath) -> list[PurePosixPath]:
    """The folders that web nodes serve; a bad path is the engine's to refuse."""
    if topology is None:
        return []
    named = {
        PurePosixPath(node.content)
        for node in topology.nodes.values()
        if isinstance(node, WebNode) and node.content
    }
    usable = (one for one in named if not one.is_absolute() and ".." not in one.parts)
    return sorted(base / one for one in usable if "\0" not in str(one))


def _side(loaded: Loaded, label: str, path: Path, base: Path) -> Side:
    if loaded.topology is None:
        declared, unread = _what_is_left(loaded)
        view = None
        if declared is not None:
            locate = loaded.source.locate if loaded.source else None
            view = View(label, declared, None, loaded.diagnostics, locate)
        return Side(label, path, view, loaded.diagnostics, unread=unread)
    resolved, found = resolve_topology(loaded.topology, base)
    diagnostics = loaded.locate(found)
    assert loaded.source is not None
    view = View(
        label,
        loaded.topology,
        hashed(resolved) if resolved is not None else None,
        diagnostics,
        loaded.source.locate,
    )
    return Side(label, path, view, diagnostics, resolved)


def _what_is_left(loaded: Loaded) -> tuple[Topology | None, tuple[ModelPath, ...]]:
    """A broken file without its broken parts, and where these stand."""
    if loaded.source is None:
        return None, ()
    plain, _ = loaded.source.plain()
    if not isinstance(plain, dict):
        return None, ()
    left: dict[str, object] = {"name": "unnamed", **plain, "version": 1}
    unread: list[ModelPath] = []
    diagnostics = loaded.diagnostics
    for _ in range(_ROUNDS):
        for path in dict.fromkeys(d.subject.path[:2] for d in diagnostics):
            section = left.get(str(path[0])) if path else None
            if len(path) == 2 and isinstance(section, dict) and path[1] in section:
                left[str(path[0])] = {k: v for k, v in section.items() if k != path[1]}
                unread.append(path)
            elif len(path) == 1 and path[0] in plain and path[0] not in ("version", "name"):
                left.pop(str(path[0]), None)
                unread.append(path)
        try:
            topology = Topology.model_validate(left, by_alias=True, by_name=False)
        except ValidationError as error:
            from topology.mistakes import diagnostics_of

            diagnostics = loaded.locate(diagnostics_of(error))
        else:
            return topology, tuple(dict.fromkeys(unread))
    return None, ()


def _stack(name: str, root: Path) -> Side:
    return stack_side(name, *read_record(name, root=root))


def stack_side(name: str, record: Record, domains: frozenset[str] = frozenset()) -> Side:
    """What a stack's record says is deployed; raises `SideError` where it cannot be read."""
    label = f"{_STACK}{name}"
    loaded = load_text(record.source, f"{label}:{record.file}")
    if loaded.topology is None or loaded.source is None:
        raise SideError(
            Fault.OLD_FORMAT,
            f"the topology that is deployed in {label} is not one that this version reads: "
            f"{next(iter(loaded.diagnostics), '')}",
            f"deploy it once more with this version: pulumi up --stack {name}",
        )
    resolved = _without_content(loaded.topology, record.resources)
    view = View(label, loaded.topology, resolved, Diagnostics(), loaded.source.locate)
    return Side(label, Path(record.file), view, Diagnostics(), None, None, record, domains)


def _without_content(
    topology: Topology, resources: Mapping[str, tuple[Resource, ...]]
) -> ResolvedTopology | None:
    """A topology whose content is not at hand, resolved with what was recorded of it."""
    nodes = {
        name: node.model_copy(update={"content": None}) if isinstance(node, WebNode) else node
        for name, node in topology.nodes.items()
    }
    resolved, _ = resolve(topology.model_copy(update={"nodes": nodes}), Path())
    if resolved is None:
        return None
    return replace(
        resolved,
        nodes={
            name: replace(node, resources=resources.get(name, ()))
            for name, node in resolved.nodes.items()
        },
    )
