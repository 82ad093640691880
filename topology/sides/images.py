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
from functools import cached_property
from pathlib import Path, PurePosixPath

from topology.image import ImageError, lookup, project_root
from topology.image.recipe import RECIPES
from topology.image.workspace import ROOT_FILES, Workspace, places
from topology.plan.types import ImageRef, Variant
from topology.sides.git import Revision, blob_digest

__all__ = ["SideImages", "Sources", "images_of_today"]

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


class Sources:
    """The sources of both sides, looked at once for all variants.

    `None` is the working tree that this program runs from. Use it as a context: what had to be
    unpacked of a revision is gone at the end.
    """

    def __init__(self, old: Revision | None, new: Revision | None) -> None:
        self._sides = (old, new)
        self._kept = ExitStack()

    def __enter__(self) -> Sources:
        return self

    def __exit__(self, *error: object) -> None:
        self._kept.close()

    def images(self, variant: Variant, roles: Iterable[str]) -> SideImages:
        """Each side's own images of these roles."""
        wanted = sorted(roles)
        if not self._differing:
            return images_of_today(variant, wanted)
        return _told_apart(variant, wanted, self._workspaces, self._differing)

    @cached_property
    def _trees(self) -> tuple[_Tree, ...]:
        """Both trees; none where they are the same, or say nothing about the sources here."""
        if self._sides[0] == self._sides[1]:
            return ()
        try:
            root = project_root()
        except ImageError:
            return ()
        if any(r is not None and r.repository.root.resolve() != root for r in self._sides):
            # Another repository: its revisions say nothing about the sources here.
            return ()
        if self._same(places(root)):
            return ()
        here = Workspace.read(root)
        return tuple(_Tree(here, revision) for revision in self._sides)

    def _same(self, where: Iterable[PurePosixPath]) -> bool:
        """Whether git can tell, which has not to read what it has seen, that nothing differs."""
        first, second = self._sides
        if first is None:
            first, second = second, first
        return first is not None and first.same(second, where)

    @cached_property
    def _differing(self) -> frozenset[PurePosixPath]:
        if not self._trees:
            return frozenset()
        old, new = self._trees
        return old.differing(new)

    @cached_property
    def _workspaces(self) -> list[Workspace]:
        return [tree.workspace(self._kept) for tree in self._trees]


def _told_apart(
    variant: Variant,
    roles: list[str],
    workspaces: list[Workspace],
    differing: frozenset[PurePosixPath],
) -> SideImages:
    changed: dict[str, list[PurePosixPath]] = {}
    for role in roles:
        package = RECIPES[variant].package(role)
        sources: set[PurePosixPath] = set()
        for workspace in workspaces:
            if package in workspace.packages:
                sources.update(workspace.sources(package))
        changed[role] = sorted(sources & differing)
    affected = [role for role in roles if changed[role]]
    stored = [_stored(variant, affected, workspace) for workspace in workspaces]
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


def _stored(variant: Variant, roles: list[str], workspace: Workspace) -> dict[str, ImageRef]:
    if not roles:
        return {}
    try:
        return lookup(variant, roles, root=workspace.root, workspace=workspace)
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
    """The sources of images in a revision, or in the working tree `here`."""

    here: Workspace
    revision: Revision | None

    def blobs(self) -> dict[PurePosixPath, str]:
        """Git's names of all sources."""
        if self.revision is None:
            root = self.here.root
            return {path: blob_digest((root / path).read_bytes()) for path in self.here.files()}
        return {path: blob for path, (_, blob) in self._files(self.revision).items()}

    def differing(self, other: _Tree) -> frozenset[PurePosixPath]:
        """The sources that the trees do not share."""
        mine, theirs = self.blobs(), other.blobs()
        # The working tree knows which files are sources; a revision is asked for those alone.
        if self.revision is None:
            theirs = _only(theirs, mine)
        if other.revision is None:
            mine = _only(mine, theirs)
        return frozenset(path for path in {*mine, *theirs} if mine.get(path) != theirs.get(path))

    def workspace(self, kept: ExitStack) -> Workspace:
        """The workspace, of a revision in a folder that stays until `kept` is closed."""
        if self.revision is None:
            return self.here
        folder = Path(kept.enter_context(tempfile.TemporaryDirectory(prefix="topology-")))
        self.revision.extract(folder, self._files(self.revision))
        return Workspace.read(folder)

    def _files(self, revision: Revision) -> dict[PurePosixPath, tuple[str, str]]:
        """What lies in a package's folder, one that `here` does not have included."""
        groups = {one.folder.parent for one in self.here.packages.values()}
        return {
            path: entry
            for path, entry in revision.files(*places(self.here.root)).items()
            if path.parent not in groups or str(path) in ROOT_FILES
        }


def _only(
    revision: Mapping[PurePosixPath, str], work: Mapping[PurePosixPath, str]
) -> dict[PurePosixPath, str]:
    """A revision's files without those that the working tree ignores, hidden ones."""
    return {
        path: blob
        for path, blob in revision.items()
        if path in work or not any(part.startswith(".") for part in path.parts)
    }
