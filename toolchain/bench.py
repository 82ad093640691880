"""The programs that benchmarks load with and compare with, where the machine has them not.

    python3 -m toolchain.bench CACHE    prints a directory a line, for PATH

`pace/` is compiled. wrk knows no rates and wrk2 is in no registry; h2load and vegeta, which do and
are, were tried and were too coarse and too slow for servers that answer within 100 microseconds.

Debian packages are unpacked into the cache instead of being installed: an installation would start
nginx and NSD on the host's own ports, and needs root.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TextIO

from toolchain import process, rust
from toolchain.errors import ToolchainError
from toolchain.packages import BENCH, Need
from toolchain.store import Progress, Store, digest, quiet

__all__ = ["compiled", "ensure"]

_PACE: Final = Path(__file__).parent / "pace"
_PROGRAMS: Final = ("usr/sbin", "usr/bin", "sbin", "bin")
_LIBRARIES: Final = (
    f"usr/lib/{platform.machine()}-linux-gnu",
    f"lib/{platform.machine()}-linux-gnu",
)

_WRAPPER: Final = """\
#!/bin/sh
# Runs a program that was unpacked, not installed, with the libraries that came with it.
here=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")
LD_LIBRARY_PATH={libraries} exec "$here/root/{program}" "$@"
"""


def ensure(cache: Path, progress: Progress = quiet) -> tuple[Path, ...]:
    """Directories that hold every benchmark program that is not on PATH, made below `cache`.

    Raises `ToolchainError` where there is no Rust, or no apt to fetch packages with.
    """
    store = Store(cache / "toolchain")
    needs = tuple(need for need in BENCH if not need.met)
    unpacked = (_unpacked(store, needs, progress),) if needs else ()
    return (compiled(cache, progress), *unpacked)


def compiled(cache: Path, progress: Progress = quiet) -> Path:
    """The directory of the programs of our own, which need nothing but Rust's standard library.

    Raises `ToolchainError` where there is no Rust.
    """
    flags = ("--edition", "2024", "-O", "-C", "panic=abort", "-C", "strip=symbols")
    key = digest(_PACE, _PACE.glob("*.rs"), *flags, platform.machine())

    def build(directory: Path) -> None:
        progress("compiling pace")
        found = rust.find()
        if found is None:
            raise ToolchainError("there is no Rust to compile pace with", hint="./lab doctor")
        process.run(
            [str(found.rustc), *flags, "-o", str(directory / "pace"), str(_PACE / "main.rs")]
        )

    return Store(cache / "toolchain").ensure(f"pace-{key}", build, progress)


def _unpacked(store: Store, needs: Sequence[Need], progress: Progress) -> Path:
    names = sorted(need.package for need in needs)
    if shutil.which("apt-get") is None:
        raise ToolchainError(
            f"the benchmark needs, by their Debian names: {', '.join(names)}",
            hint="install them with this distribution's own tool",
        )
    key = digest(Path(__file__).parent, [], _WRAPPER, platform.machine(), _release(), *names)

    def build(directory: Path) -> None:
        progress(f"unpacking for benchmarks: {', '.join(names)}")
        root = directory / "root"
        root.mkdir()
        with tempfile.TemporaryDirectory(dir=directory, prefix="fetched-") as name:
            fetched = Path(name)
            (fetched / "partial").mkdir()
            _fetch(names, fetched)
            for package in sorted(fetched.glob("*.deb")):
                process.run(["dpkg-deb", "--extract", str(package), str(root)])
        programs = directory / "bin"
        programs.mkdir()
        # Some packages keep libraries in a directory of their own, which their programs know only
        # where they are installed.
        private = {p.parent for where in _LIBRARIES for p in (root / where).glob("*/*.so.*")}
        places = [*_LIBRARIES, *sorted(str(one.relative_to(root)) for one in private)]
        libraries = ":".join(f"$here/root/{place}" for place in places)
        for path in (p for where in _PROGRAMS for p in sorted((root / where).glob("*"))):
            wrapper = programs / path.name
            text = _WRAPPER.format(libraries=libraries, program=path.relative_to(root))
            wrapper.write_text(text, encoding="ascii")
            wrapper.chmod(0o755)

    return store.ensure(f"bench-{key}", build, progress) / "bin"


def _fetch(names: Sequence[str], directory: Path) -> None:
    """Fetches packages and what else the machine lacks for them; needs no root."""
    # Without root apt can neither lock nor drop its privileges, and has to do neither.
    options = (
        f"Dir::Cache::archives={directory}",
        "Debug::NoLocking=1",
        "APT::Sandbox::User=",
        "APT::Install-Recommends=0",
    )
    told = [word for option in options for word in ("-o", option)]
    process.run(
        ["apt-get", "-q", "--yes", "--download-only", *told, "install", *names],
        environment={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        hint="apt-get update first, if apt's lists are old",
    )


def _release() -> str:
    try:
        found = platform.freedesktop_os_release()
    except OSError:
        return ""
    return f"{found['ID']} {found.get('VERSION_ID', '')}"


def main(arguments: Sequence[str]) -> int:
    """Writes the directories; what is done meanwhile goes to standard error."""
    (cache,) = arguments
    try:
        found = ensure(Path(cache), lambda line: _say(sys.stderr, line))
    except ToolchainError as error:
        _say(sys.stderr, "\n".join(filter(None, (str(error), error.log, error.hint))))
        return 1
    for directory in found:
        _say(sys.stdout, str(directory))
    return 0


def _say(stream: TextIO, line: str) -> None:
    stream.write(f"{line}\n")
    stream.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
