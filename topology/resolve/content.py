"""The resources of a web node: the files of its directory, and what it says about itself."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from topology.diagnostics import Code, Diagnostic, Subject
from topology.model import WebNode
from topology.resolve.names import Names, zone_of
from topology.resolve.types import Resource

__all__ = ["MAX_CONTENT", "MEDIA_TYPES", "NODE_PATH", "resolve_content"]

MAX_CONTENT = 4 * 1024 * 1024
"""Bytes that a node's files may have together: they travel in its configuration."""

MAX_FILES = 1024

NODE_PATH = "/api/node"
"""Where a web node says which node it is."""

_PAGES_PATH = "/api/pages"
"""Where the service lists what it serves, each page at its name below."""

MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".gif": "image/gif",
    ".htm": "text/html; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/vnd.microsoft.icon",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
    ".xml": "application/xml",
}
"""Media types by suffix, fixed so that they do not depend on the machine; others are bytes."""

_INDEX = "index.html"


class _Refused(Exception):
    def __init__(self, code: Code, summary: str, hint: str = "") -> None:
        super().__init__(summary)
        self.code, self.summary, self.hint = code, summary, hint


def resolve_content(
    names: Names, name: str, node: WebNode, base: Path
) -> tuple[tuple[Resource, ...], list[Diagnostic]]:
    """The resources of a web node, sorted by path.

    A file `a/b.css` is at `/a/b.css`; an `index.html` is at its directory's path alone, with
    the final slash. Files whose name starts with a dot are left out.
    """
    resources = {NODE_PATH: _about(names, name, node)}
    subject = Subject(("nodes", name, "content"))
    diagnostics: list[Diagnostic] = []
    if node.content is not None:
        try:
            for resource in _read(base, node.content):
                taken = _taken(resource.path)
                if taken is not None:
                    raise _Refused(
                        Code.CONTENT_UNREADABLE,
                        f"{taken} is taken",
                        f"every web node answers {taken} itself: rename the file",
                    )
                resources[resource.path] = resource
        except _Refused as refused:
            diagnostics.append(
                Diagnostic(refused.code, refused.summary, subject, hint=refused.hint)
            )
    return tuple(resources[path] for path in sorted(resources)), diagnostics


def _taken(path: str) -> str | None:
    """What a file at `path` would stand in the way of."""
    if path == NODE_PATH:
        return NODE_PATH
    return _PAGES_PATH if path == _PAGES_PATH or path.startswith(_PAGES_PATH + "/") else None


def _about(names: Names, name: str, node: WebNode) -> Resource:
    body = {
        "kind": node.kind,
        "node": name,
        "topology": names.topology.name,
        "zones": sorted({zone_of(names.topology, segment) for segment in node.interfaces}),
    }
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return Resource(NODE_PATH, "application/json", text.encode())


def _read(base: Path, content: str) -> Iterator[Resource]:
    if Path(content).is_absolute() or ".." in Path(content).parts or "\0" in content:
        raise _Refused(
            Code.CONTENT_OUTSIDE,
            f"`{content}` is not below the topology's file",
            "write a directory relative to the file, without `..`",
        )
    root = base / content
    if not root.is_dir():
        what = "is no directory" if root.exists() else "does not exist"
        raise _Refused(
            Code.CONTENT_UNREADABLE,
            f"the directory `{content}` {what}",
            f"create {content}/{_INDEX} beside the topology's file",
        )
    left = MAX_CONTENT
    try:
        boundary = root.resolve()
        if not boundary.is_relative_to(base.resolve()):
            raise _Refused(
                Code.CONTENT_OUTSIDE,
                f"`{content}` leads away from the topology's file",
                "copy the directory instead of linking to it",
            )
        for count, path in enumerate(_files(root)):
            if count >= MAX_FILES:
                raise _Refused(
                    Code.CONTENT_TOO_LARGE, f"`{content}` has more than {MAX_FILES} files"
                )
            data = _bytes(path, boundary, root, left)
            left -= len(data)
            yield _resource(path.relative_to(root), data)
    except OSError as error:
        raise _Refused(
            Code.CONTENT_UNREADABLE, f"`{content}` cannot be read: {error.strerror}"
        ) from error


def _files(root: Path) -> Iterator[Path]:
    """Everything below `root` that is no directory, in sorted order; links are not descended."""
    for directory, below, files in os.walk(root, onerror=_raise):
        links = [name for name in below if (Path(directory) / name).is_symlink()]
        below[:] = sorted(n for n in below if not n.startswith(".") and n not in links)
        for name in sorted(n for n in (*files, *links) if not n.startswith(".")):
            yield Path(directory) / name


def _raise(error: OSError) -> None:
    raise error


def _bytes(path: Path, boundary: Path, root: Path, left: int) -> bytes:
    shown = path.relative_to(root).as_posix()
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError):  # Python before 3.13 raises the latter for a loop
        raise _Refused(
            Code.CONTENT_UNREADABLE,
            f"`{shown}` is a link to nothing",
            "remove the link, or copy the file",
        ) from None
    if not target.is_relative_to(boundary):
        raise _Refused(
            Code.CONTENT_OUTSIDE,
            f"`{shown}` is a link that leaves the content",
            "copy the file instead of linking to it",
        )
    mode = target.stat().st_mode
    if not stat.S_ISREG(mode):
        raise _Refused(
            Code.CONTENT_UNREADABLE,
            f"`{shown}` is no regular file",
            "links to directories are not followed: copy what they hold",
        )
    with target.open("rb") as file:
        data = file.read(left + 1)
    if len(data) > left:
        raise _Refused(
            Code.CONTENT_TOO_LARGE,
            f"the files have more than {MAX_CONTENT >> 20} MiB together",
            "content travels in the node's configuration: keep it small",
        )
    return data


def _resource(path: Path, data: bytes) -> Resource:
    text = path.as_posix()
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _Refused(
            Code.CONTENT_UNREADABLE, f"the name {text!r} is not UTF-8", "rename the file"
        ) from None
    media_type = MEDIA_TYPES.get(path.suffix.lower(), "application/octet-stream")
    where = text.removesuffix(_INDEX) if path.name == _INDEX else text
    return Resource("/" + quote(where), media_type, data)
