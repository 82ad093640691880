"""The Cargo workspace that images are built from: its packages, and what each is made of."""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from topology.image.errors import ImageError

# Beside the packages, what decides how they are built.
ROOT_FILES = ("Cargo.lock", "Cargo.toml", "rust-toolchain", "rust-toolchain.toml")
# Folders of a package that no binary is made of.
_ASIDE = frozenset({"benches", "examples", "fuzz", "tests"})
_TABLES = ("dependencies", "build-dependencies")


@dataclass(frozen=True, slots=True)
class Package:
    """A member: its folder, relative to the workspace, and the members that it is built with."""

    name: str
    folder: PurePosixPath
    dependencies: frozenset[PurePosixPath]


@dataclass(frozen=True, slots=True)
class Workspace:
    """The members of a workspace by the name of their package."""

    root: Path
    packages: Mapping[str, Package]

    @classmethod
    def read(cls, root: Path) -> Workspace:
        """The workspace whose manifest is in `root`; raises `ImageError` if there is none."""
        manifest = _manifest(root / "Cargo.toml")
        shared = manifest.get("workspace", {}).get("dependencies", {})
        packages = [
            _package(root, folder, shared)
            for pattern in manifest.get("workspace", {}).get("members", ())
            for folder in sorted(root.glob(pattern))
            if (folder / "Cargo.toml").is_file()
        ]
        return cls(root, {one.name: one for one in packages})

    def files(self) -> Iterator[PurePosixPath]:
        """Every file that `cargo` may want to see, relative to the root."""
        yield from (PurePosixPath(name) for name in ROOT_FILES if (self.root / name).is_file())
        for package in self.packages.values():
            yield from _walk(self.root, package.folder, aside=frozenset())

    def sources(self, name: str) -> tuple[PurePosixPath, ...]:
        """The files that the binary of a package is made of, sorted, relative to the root.

        Raises `ImageError` when the workspace has no such package.
        """
        if name not in self.packages:
            raise ImageError(
                f"the workspace {self.root} has no package {name}",
                hint=f"its packages are: {', '.join(sorted(self.packages)) or 'none'}",
            )
        by_folder = {one.folder: one for one in self.packages.values()}
        wanted = [self.packages[name]]
        seen = {wanted[0].folder}
        for package in wanted:
            for folder in package.dependencies - seen:
                if folder not in by_folder:
                    raise ImageError(
                        f"{package.folder}/Cargo.toml depends on {folder}, "
                        "which is no member of the workspace"
                    )
                seen.add(folder)
                wanted.append(by_folder[folder])
        return tuple(
            sorted(
                {
                    *(PurePosixPath(one) for one in ROOT_FILES if (self.root / one).is_file()),
                    *(
                        path
                        for folder in seen
                        for path in _walk(self.root, folder, aside=_ASIDE)
                        if path.suffix != ".md"
                    ),
                }
            )
        )

    def fingerprints(self, names: Iterable[str]) -> dict[str, str]:
        """For each package the SHA-256 over names and bytes of its sources, in hexadecimal."""
        read: dict[PurePosixPath, str] = {}
        totals: dict[str, str] = {}
        for name in names:
            total = hashlib.sha256()
            for path in self.sources(name):
                if path not in read:
                    read[path] = hashlib.sha256((self.root / path).read_bytes()).hexdigest()
                total.update(f"{path}\0{read[path]}\0".encode())
            totals[name] = total.hexdigest()
        return totals


def places(root: Path) -> tuple[PurePosixPath, ...]:
    """Where in `root` everything lies that images are built from; raises as `Workspace.read`."""
    members = _manifest(root / "Cargo.toml").get("workspace", {}).get("members", ())
    tops = {PurePosixPath(pattern).parts[0] for pattern in members}
    if any(set(top) & set("*?[") for top in tops):
        return (PurePosixPath(),)
    return tuple(map(PurePosixPath, sorted({*tops, *ROOT_FILES})))


def _manifest(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise ImageError(
            f"{path} is missing", hint="images are built from a clone of the project"
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ImageError(f"{path} cannot be read: {error}") from error


def _package(root: Path, folder: Path, shared: Mapping[str, Any]) -> Package:
    manifest = _manifest(folder / "Cargo.toml")
    tables = [manifest, *manifest.get("target", {}).values()]
    found: set[PurePosixPath] = set()
    for table in tables:
        for kind in _TABLES:
            for name, entry in table.get(kind, {}).items():
                path = _dependency(root, folder, name, entry, shared)
                if path is not None:
                    found.add(path)
    return Package(
        name=manifest["package"]["name"],
        folder=PurePosixPath(folder.relative_to(root).as_posix()),
        dependencies=frozenset(found),
    )


def _dependency(
    root: Path, folder: Path, name: str, entry: object, shared: Mapping[str, Any]
) -> PurePosixPath | None:
    base = folder
    if isinstance(entry, dict) and entry.get("workspace"):
        base, entry = root, shared.get(name)
    if not isinstance(entry, dict) or "path" not in entry:
        return None
    target = os.path.normpath(base / entry["path"])
    return PurePosixPath(Path(os.path.relpath(target, root)).as_posix())


def _walk(root: Path, folder: PurePosixPath, *, aside: frozenset[str]) -> Iterator[PurePosixPath]:
    for here, folders, files in os.walk(root / folder):
        top = Path(here) == root / folder
        folders[:] = [
            one
            for one in folders
            if not one.startswith(".") and not (top and (one in aside or one == "target"))
        ]
        relative = PurePosixPath(Path(here).relative_to(root).as_posix())
        yield from (relative / one for one in files if not one.startswith("."))


__all__ = ["ROOT_FILES", "Package", "Workspace", "places"]
