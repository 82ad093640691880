"""The images of both sides of a diff, told apart by the sources they are made of.

Nothing is built. Where the sources of a role are the same on both sides, so are its images; where
they differ, the store may have both, and their digests decide; where it has not, other sources
are taken to give other bytes, which is said.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from topology.image import ImageError, lookup, project_root
from topology.image.recipe import RECIPES
from topology.image.workspace import ROOT_FILES, Workspace
from topology.plan.types import ImageRef, Variant
from topology.sides.git import Revision, blob_digest

__all__ = ["SideImages", "images_of_both", "images_of_today"]

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class SideImages:
    """Images by role for the old and the new side; `code` says of a role which sources differ."""

    old: Mapping[str, ImageRef]
    new: Mapping[str, ImageRef]
    code: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def images_of_today(variant: Variant, roles: Iterable[str]) -> SideImages:
    """The same images on both sides; what they are does not matter then."""
    same = {role: _stand_in(variant, role, "today") for role in sorted(roles)}
    return SideImages(same, same)


def images_of_both(
    variant: Variant,
    roles: Iterable[str],
    old: Revision | None,
    new: Revision | None,
) -> SideImages:
    """Each side's own images; `None` is the working tree that this program runs from."""
    wanted = sorted(roles)
    same = images_of_today(variant, wanted)
    if old == new:
        return same
    try:
        root = project_root()
    except ImageError:
        return same
    if any(r is not None and r.repository.root.resolve() != root.resolve() for r in (old, new)):
        # Another repository: its revisions say nothing about the sources here.
        return same
    trees = [_Tree(root, revision) for revision in (old, new)]
    differing = trees[0].differing(trees[1])
    if not differing:
        return same
    with ExitStack() as stack:
        return _told_apart(variant, wanted, [tree.unpacked(stack) for tree in trees], differing)


def _told_apart(
    variant: Variant, roles: list[str], roots: list[Path], differing: frozenset[PurePosixPath]
) -> SideImages:
    changed: dict[str, list[PurePosixPath]] = {}
    workspaces = [Workspace.read(root) for root in roots]
    for role in roles:
        package = RECIPES[variant].package(role)
        sources: set[PurePosixPath] = set()
        for workspace in workspaces:
            if package in workspace.packages:
                sources.update(workspace.sources(package))
        changed[role] = sorted(sources & differing)
    affected = [role for role in roles if changed[role]]
    stored = [_stored(variant, affected, root) for root in roots]
    old: dict[str, ImageRef] = {}
    new: dict[str, ImageRef] = {}
    code: dict[str, str] = {}
    assumed = []
    for role in roles:
        old[role] = new[role] = _stand_in(variant, role, "same")
        if role not in affected:
            continue
        one, other = stored[0].get(role), stored[1].get(role)
        if one is not None and other is not None and one.digest == other.digest:
            continue
        old[role], new[role] = (
            found or _stand_in(variant, role, word)
            for found, word in ((one, "old"), (other, "new"))
        )
        code[role] = _files(changed[role])
        if one is None or other is None:
            assumed.append(role)
    notes = []
    if assumed:
        notes.append(
            f"{variant.value}: images of {', '.join(assumed)} are not built from both sides' "
            "sources; other sources are taken to give other images"
        )
    return SideImages(old, new, code, tuple(notes))


def _stored(variant: Variant, roles: list[str], root: Path) -> dict[str, ImageRef]:
    if not roles:
        return {}
    try:
        return lookup(variant, roles, root=root)
    except ImageError:
        # No compiler to ask, or a package that this side does not have: then nothing is known.
        return {}


def _stand_in(variant: Variant, role: str, word: str) -> ImageRef:
    """An image of which only its identity matters."""
    digest = hashlib.sha256(f"{variant.value} {role} {word}".encode()).hexdigest()
    return ImageRef(role, variant, digest, 0, Path(word))


def _files(paths: list[PurePosixPath]) -> str:
    shown = ", ".join(map(str, paths[:_SHOWN]))
    return shown + (f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else "")


@dataclass(frozen=True, slots=True)
class _Tree:
    """The sources of images in the working tree, or in a revision."""

    root: Path
    revision: Revision | None

    def blobs(self, folders: frozenset[str]) -> dict[PurePosixPath, str]:
        """Git's names of all sources; `folders` are the first parts of their paths."""
        if self.revision is None:
            files = Workspace.read(self.root).files()
            return {path: blob_digest((self.root / path).read_bytes()) for path in files}
        return {
            path: blob
            for path, (_, blob) in self.revision.files().items()
            if path.parts[0] in folders or str(path) in ROOT_FILES
        }

    def differing(self, other: _Tree) -> frozenset[PurePosixPath]:
        """The sources that the trees do not share."""
        folders = frozenset(
            one.folder.parts[0] for one in Workspace.read(self.root).packages.values()
        )
        mine, theirs = self.blobs(folders), other.blobs(folders)
        # The working tree knows which files are sources; a revision is asked for those alone.
        if self.revision is None:
            theirs = _only(theirs, mine)
        if other.revision is None:
            mine = _only(mine, theirs)
        return frozenset(path for path in {*mine, *theirs} if mine.get(path) != theirs.get(path))

    def unpacked(self, stack: ExitStack) -> Path:
        """A folder with the sources."""
        if self.revision is None:
            return self.root
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="topology-")))
        packages = Workspace.read(self.root).packages.values()
        folders = frozenset(one.folder.parts[0] for one in packages)
        files = {
            path: entry
            for path, entry in self.revision.files().items()
            if path.parts[0] in folders or str(path) in ROOT_FILES
        }
        self.revision.extract(folder, files)
        return folder


def _only(
    revision: Mapping[PurePosixPath, str], work: Mapping[PurePosixPath, str]
) -> dict[PurePosixPath, str]:
    """A revision's files without those that the working tree ignores, hidden ones."""
    return {
        path: blob
        for path, blob in revision.items()
        if path in work or not any(part.startswith(".") for part in path.parts)
    }
