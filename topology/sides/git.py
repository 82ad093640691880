"""Git revisions, read by git itself; nothing is checked out and no shell is asked."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from topology.sides.errors import Fault, SideError

__all__ = ["Repository", "Revision", "blob_digest"]

_LINK, _FILE = "120000", ("100644", "100755")


@dataclass(frozen=True, slots=True)
class Repository:
    """A work tree of git."""

    root: Path

    @classmethod
    def around(cls, folder: Path) -> Repository:
        """The repository that a folder is in; raises `SideError` where there is none."""
        done = _git(folder, "rev-parse", "--show-toplevel")
        if done.returncode != 0:
            raise SideError(
                Fault.NO_REVISION,
                f"{folder} is in no git repository, so it has no revisions",
                "name files, or change to a clone",
            )
        return cls(Path(os.fsdecode(done.stdout).rstrip("\n")))

    def revision(self, name: str) -> Revision:
        """The commit that `name` stands for; raises `SideError` that says why it is none."""
        wanted = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        done = _git(self.root, *wanted)
        if done.returncode == 0:
            return Revision(self, name, done.stdout.decode("ascii").strip())
        if self._shallow():
            raise SideError(
                Fault.SHALLOW,
                f"this clone is shallow, and {name!r} is not in it",
                "run: git fetch --unshallow (in GitHub Actions: fetch-depth: 0)",
            )
        hint = "git branch -a and git tag list what there is"
        remote = f"origin/{name}"
        if _git(self.root, *wanted[:4], f"{remote}^{{commit}}").returncode == 0:
            hint = f"name it {remote}, or run: git fetch origin {name}:{name}"
        raise SideError(Fault.NO_REVISION, f"git knows no revision {name!r} here", hint)

    def relative(self, path: Path) -> PurePosixPath:
        """A path as git names it; raises `SideError` for one outside of the work tree."""
        absolute = path.absolute().resolve()
        if not absolute.is_relative_to(self.root.resolve()):
            raise SideError(
                Fault.NO_PATH,
                f"{path} is outside of the git repository {self.root}",
                "write REVISION:PATH to say which file of the revision is meant",
            )
        return PurePosixPath(absolute.relative_to(self.root.resolve()).as_posix())

    def _shallow(self) -> bool:
        return _git(self.root, "rev-parse", "--is-shallow-repository").stdout.strip() == b"true"


@dataclass(frozen=True, slots=True)
class Revision:
    """A commit, by the name that it was asked for."""

    repository: Repository
    name: str
    commit: str

    def text(self, path: PurePosixPath) -> bytes:
        """A file's bytes; raises `SideError` where the revision has none."""
        done = _git(self.repository.root, "cat-file", "blob", f"{self.commit}:{path}")
        if done.returncode != 0:
            raise SideError(
                Fault.NO_PATH,
                f"revision {self.name!r} has no file {str(path)!r}",
                self._hint(path),
            )
        return done.stdout

    def files(self, *folders: PurePosixPath) -> dict[PurePosixPath, tuple[str, str]]:
        """Mode and object of every file, or of those in these folders."""
        where = ("--", *map(str, folders)) if folders else ()
        done = _git(self.repository.root, "ls-tree", "-r", "-z", self.commit, *where)
        found = {}
        for line in done.stdout.split(b"\0")[:-1]:
            head, _, name = line.partition(b"\t")
            mode, _, blob = head.decode("ascii").split()
            found[PurePosixPath(os.fsdecode(name))] = (mode, blob)
        return found

    def same(self, other: Revision | None, folders: Iterable[PurePosixPath]) -> bool:
        """Whether git is sure that these folders are another revision's, or the working tree's.

        It is not where the working tree has files that it does not follow, ignored ones included.
        """
        where = ("--", *map(str, folders))
        commits = [self.commit] if other is None else [self.commit, other.commit]
        bytewise = ("diff", "--quiet", "--no-ext-diff", "--no-textconv")
        if _git(self.repository.root, *bytewise, *commits, *where).returncode != 0:
            return False
        if other is not None:
            return True
        unknown = _git(self.repository.root, "ls-files", "--others", *where)
        return unknown.returncode == 0 and not unknown.stdout

    def extract(self, target: Path, files: Mapping[PurePosixPath, tuple[str, str]]) -> None:
        """Writes files of the revision below `target`, links as links."""
        wanted = {path: entry for path, entry in files.items() if entry[0] in (*_FILE, _LINK)}
        bodies = self._objects({blob for _, blob in wanted.values()})
        for path, (mode, blob) in wanted.items():
            if path.is_absolute() or ".." in path.parts:
                continue
            place = target / path
            place.parent.mkdir(parents=True, exist_ok=True)
            if mode == _LINK:
                place.symlink_to(os.fsdecode(bodies[blob]))
            else:
                place.write_bytes(bodies[blob])

    def _objects(self, names: Iterable[str]) -> dict[str, bytes]:
        asked = "".join(f"{name}\n" for name in sorted(names)).encode()
        stream = _git(self.repository.root, "cat-file", "--batch", given=asked).stdout
        found, at = {}, 0
        while at < len(stream):
            end = stream.index(b"\n", at)
            name, _, size = stream[at:end].decode("ascii").split()
            found[name] = stream[end + 1 : end + 1 + int(size)]
            at = end + 2 + int(size)
        return found

    def _hint(self, path: PurePosixPath) -> str:
        named = [str(one) for one in self.files() if one.name == path.name]
        if named:
            return f"it has {', '.join(sorted(named)[:3])}: write {self.name}:{min(named)}"
        return f"git ls-tree -r --name-only {self.name} lists what it has"


def blob_digest(content: bytes) -> str:
    """The name of git's object with this content (SHA-1, as git's own default)."""
    head = f"blob {len(content)}\0".encode()
    return hashlib.sha1(head + content, usedforsecurity=False).hexdigest()


def _git(folder: Path, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    environment = {
        **os.environ,
        "LC_ALL": "C",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_LITERAL_PATHSPECS": "1",
    }
    try:
        return subprocess.run(
            ["git", "-C", str(folder), *arguments],
            input=given,
            capture_output=True,
            env=environment,
            check=False,
        )
    except (FileNotFoundError, NotADirectoryError) as error:
        raise SideError(
            Fault.NO_TOOL, "git is not on PATH", "install git, or name files instead of revisions"
        ) from error
