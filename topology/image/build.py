"""Images made on demand: what the sources give is looked up, and built where it is missing.

A build sees a copy of the workspace inside the store, never the clone itself. The copy is
brought up to date file by file and only where bytes differ, so that cargo, which goes by times,
rebuilds exactly what has changed in content, whichever clone it came from, and so that an edit
in the middle of a build cannot be filed under the wrong key.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import topology
from topology.image import tools
from topology.image.errors import ImageError
from topology.image.recipe import (
    MKSQUASHFS,
    PROFILE,
    RECIPES,
    ROLE_FILES,
    ROOT_FILES,
    ROOT_FOLDERS,
    TARGET,
    Recipe,
)
from topology.image.store import Store, Stored
from topology.image.workspace import Workspace
from topology.plan.types import ImageRef
from topology.platforms.types import Variant

Progress = Callable[[str], None]


def ensure(
    variant: Variant,
    wanted: Iterable[str],
    *,
    root: Path,
    progress: Progress | None = None,
    store: Store | None = None,
) -> dict[str, ImageRef]:
    """The images of the wanted roles, built first where the store has none of these sources.

    `root` holds the workspace's `Cargo.toml`. `progress` is given one line at a time while
    something is built, and nothing otherwise. Raises `ImageError` when an image cannot be made;
    those already made stay.
    """
    store = store or Store.default()
    inputs = _read(variant, root)
    found = inputs.look_up(wanted, store)
    missing = sorted(role for role, image in found.items() if image is None)
    if missing:
        say = progress or _quiet
        with store.lock(lambda: say("waiting for another build in the same store")):
            build = _Build(inputs.recipe, store, inputs.compiler, say)
            build.refresh(inputs.workspace)
            for role in missing:
                found[role] = build.role(role)
    return _references(variant, found)


def roles(variant: Variant, root: Path) -> tuple[str, ...]:
    """The roles that the workspace in `root` has a package for, sorted."""
    prefix = f"{RECIPES[variant].package_prefix}-"
    packages = Workspace.read(root).packages
    return tuple(sorted(one.removeprefix(prefix) for one in packages if one.startswith(prefix)))


def lookup(
    variant: Variant,
    wanted: Iterable[str],
    *,
    root: Path,
    store: Store | None = None,
    workspace: Workspace | None = None,
) -> dict[str, ImageRef]:
    """Those of the wanted images that the store has already; builds nothing.

    `workspace` is the one in `root` where that was read before.
    """
    inputs = _read(variant, root, workspace)
    return _references(variant, inputs.look_up(wanted, store or Store.default()))


def project_root() -> Path:
    """The clone that this engine runs from, whose sources its images are built of.

    Raises `ImageError` where the engine was installed without them.
    """
    root = Path(topology.__file__).resolve().parents[1]
    if not (root / "Cargo.toml").is_file():
        raise ImageError(
            f"{root} holds no sources to build images from",
            hint="run topology from a clone of the project",
        )
    return root


def _references(variant: Variant, found: Mapping[str, Stored | None]) -> dict[str, ImageRef]:
    return {
        role: ImageRef(role, variant, image.digest, image.size, image.path)
        for role, image in sorted(found.items())
        if image is not None
    }


def _quiet(line: str) -> None:
    del line


@dataclass(frozen=True, slots=True)
class _Inputs:
    """What an image follows from: sources, recipe and compiler (as it says with `-vV`)."""

    workspace: Workspace
    recipe: Recipe
    compiler: str

    def keys(self, wanted: Iterable[str]) -> dict[str, str]:
        """The key of each role."""
        packages = {role: self.recipe.package(role) for role in wanted}
        fingerprints = self.workspace.fingerprints(packages.values())
        return {
            role: hashlib.sha256(
                "\0".join(
                    (
                        f"{self.recipe.variant.value} {self.recipe.version} {package}",
                        *self.recipe.rustflags,
                        self.compiler,
                        fingerprints[package],
                    )
                ).encode()
            ).hexdigest()
            for role, package in packages.items()
        }

    def look_up(self, wanted: Iterable[str], store: Store) -> dict[str, Stored | None]:
        """What the store has of each role."""
        return {role: store.find(key) for role, key in self.keys(wanted).items()}


def _read(variant: Variant, root: Path, workspace: Workspace | None = None) -> _Inputs:
    # The compiler takes as long to say what it is as everything else here takes together.
    with tools.asking([tools.find("rustc"), "-vV"], cwd=root) as compiler:
        workspace = workspace or Workspace.read(root)
        return _Inputs(workspace, RECIPES[variant], compiler())


@dataclass(frozen=True, slots=True)
class _Build:
    """One holding of the store's lock, in which images of one variant are made."""

    recipe: Recipe
    store: Store
    compiler: str
    say: Progress

    @property
    def sources(self) -> Path:
        return self.store.workshop / "source"

    @property
    def target(self) -> Path:
        return self.store.workshop / "target" / self.recipe.variant.value

    def refresh(self, workspace: Workspace) -> None:
        """Makes the copy equal to the workspace, touching no file that is so already."""
        try:
            wanted = set(workspace.files())
            _prune(self.sources, wanted)
            for path in sorted(wanted):
                _update(workspace.root / path, self.sources / path)
        except OSError as error:
            raise ImageError(
                f"the sources cannot be copied to {self.sources}: {error.strerror or error}",
                hint="free or grant the space, or set TOPOLOGY_IMAGES to another folder",
            ) from error

    def role(self, role: str) -> Stored:
        """Builds one role from the copy, unless another process has done so meanwhile."""
        copy = _Inputs(Workspace.read(self.sources), self.recipe, self.compiler)
        key = copy.keys([role])[role]
        done = self.store.find(key)
        if done is not None:
            return done
        what = f"{self.recipe.variant.value}/{role}"
        self.say(f"{what}: building")
        binary = self._compile(role, what)
        if self.recipe.squashfs:
            with self.store.scratch() as scratch:
                files = (*ROOT_FILES, *ROLE_FILES.get(role, ()))
                stored = self.store.add(self._squash(binary, files, scratch, what), key)
        else:
            stored = self.store.add(binary, key)
        self.say(f"{what}: {stored.size} bytes, {stored.digest[:12]}")
        return stored

    def _compile(self, role: str, what: str) -> Path:
        # One package at a time: together, cargo would unify the features of what they share,
        # and an image would depend on which others were missing with it.
        package = self.recipe.package(role)
        flags = (*self.recipe.rustflags, *self._remapped())
        tools.run(
            [
                *(tools.find("cargo"), "build", "--locked", "--profile", PROFILE),
                *("--target", TARGET, "--target-dir", str(self.target)),
                *("--package", package, "--bin", package),
            ],
            what,
            cwd=self.sources,
            extra={"CARGO_ENCODED_RUSTFLAGS": "\x1f".join(flags)},
            progress=self.say,
        )
        return self.target / TARGET / PROFILE / package

    def _remapped(self) -> tuple[str, ...]:
        # Panics name source files: under names that no machine's paths show through, whether
        # crates come from the registry, a mirror or a vendored folder. Cargo keeps flags with
        # a remapping out of the symbols' hashes for this very purpose.
        sysroot = tools.ask([tools.find("rustc"), "--print", "sysroot"], cwd=self.sources)
        places = {
            str(Path(sysroot.strip()) / "lib" / "rustlib" / "src" / "rust"): "/rustc",
            str(self.target): "/target",
            str(self.sources): "/topology",
        }
        metadata = json.loads(
            tools.ask(
                [
                    *(tools.find("cargo"), "metadata", "--locked", "--format-version", "1"),
                    *("--filter-platform", TARGET),
                ],
                cwd=self.sources,
            )
        )
        for package in metadata["packages"]:
            if package["source"] is not None:
                folder = str(Path(package["manifest_path"]).parent)
                places[folder] = f"/crates/{package['name']}-{package['version']}"
        return tuple(f"--remap-path-prefix={old}={new}" for old, new in places.items())

    def _squash(self, binary: Path, files: Iterable[str], scratch: Path, what: str) -> Path:
        tree, image = scratch / "root", scratch / "image"
        try:
            tree.mkdir()
            for name in ROOT_FOLDERS:
                (tree / name).mkdir()
                (tree / name).chmod(0o755)
            for name in files:
                (tree / name).touch()
                (tree / name).chmod(0o644)
            shutil.copyfile(binary, tree / "init")
            (tree / "init").chmod(0o755)
            tree.chmod(0o755)
        except OSError as error:
            raise ImageError(
                f"the root of {what} cannot be laid out in {tree}: {error.strerror or error}"
            ) from error
        tools.run(
            [tools.find("mksquashfs"), str(tree), str(image), *MKSQUASHFS],
            what,
            cwd=scratch,
            extra={},
            progress=self.say,
        )
        return image


def _prune(folder: Path, wanted: set[PurePosixPath]) -> None:
    for here, folders, files in os.walk(folder, topdown=False):
        for name in files:
            file = Path(here) / name
            if PurePosixPath(file.relative_to(folder).as_posix()) not in wanted:
                file.unlink()
        for name in folders:
            if not any((Path(here) / name).iterdir()):
                (Path(here) / name).rmdir()


def _update(source: Path, copy: Path) -> None:
    content = source.read_bytes()
    try:
        if copy.read_bytes() == content:
            return
    except FileNotFoundError:
        copy.parent.mkdir(parents=True, exist_ok=True)
    fresh = copy.with_name(f".new-{copy.name}")
    fresh.write_bytes(content)
    fresh.replace(copy)


__all__ = ["Progress", "ensure", "lookup", "project_root", "roles"]
