"""How an image of each variant is made: what cargo is told, and what becomes of its binary.

`unikernels/README.md` and `containers/README.md` say why their flags are what they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from topology.platforms.types import Variant

# The host's own target with its precompiled core and alloc: no other needs to be installed.
TARGET = "x86_64-unknown-linux-gnu"
PROFILE = "release"


@dataclass(frozen=True, slots=True)
class Recipe:
    """A variant's images; raise `version` when the same sources are to give other bytes.

    `rustflags` reach every crate of the guest and no build script. `squashfs` tells whether the
    binary becomes the init of a root file system or is the image itself.
    """

    variant: Variant
    version: int
    package_prefix: str
    rustflags: tuple[str, ...]
    squashfs: bool

    def package(self, role: str) -> str:
        """The Cargo package, and binary, of a role."""
        return f"{self.package_prefix}-{role}"


RECIPES: Mapping[Variant, Recipe] = MappingProxyType(
    {
        Variant.UNIKERNEL: Recipe(
            variant=Variant.UNIKERNEL,
            version=1,
            package_prefix="unikernel",
            rustflags=(
                "-Crelocation-model=static",
                "-Cno-redzone=yes",
                "-Cforce-frame-pointers=no",
                "-Ctarget-cpu=x86-64",
            ),
            squashfs=False,
        ),
        Variant.CONTAINERS: Recipe(
            variant=Variant.CONTAINERS,
            version=2,
            package_prefix="container",
            rustflags=(
                "-Crelocation-model=static",
                "-Ctarget-cpu=x86-64",
            ),
            squashfs=True,
        ),
    }
)

# The root of a container: init, what libvirt mounts over, and the files that are bound.
ROOT_FOLDERS = (".oldroot", "dev", "proc", "sys")
ROOT_FILES = ("config.json", "console")
# What a role has bound besides.
ROLE_FILES: Mapping[str, tuple[str, ...]] = MappingProxyType({"storage": ("data",)})

# Without compression the bytes depend on no library's version, and a container's image compares
# with a unikernel's, which has none either. Times, owners and order are the same everywhere.
MKSQUASHFS = (
    "-noappend",
    "-all-root",
    "-all-time",
    "0",
    "-mkfs-time",
    "0",
    "-no-xattrs",
    "-no-exports",
    "-noI",
    "-noId",
    "-noD",
    "-noF",
    "-noX",
    "-b",
    "131072",
    "-processors",
    "1",
    "-no-progress",
    "-quiet",
)

__all__ = [
    "MKSQUASHFS",
    "PROFILE",
    "RECIPES",
    "ROLE_FILES",
    "ROOT_FILES",
    "ROOT_FOLDERS",
    "TARGET",
    "Recipe",
]
