"""Go: the one on PATH if it is new enough, else fetched as a module by an older one."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from toolchain import process
from toolchain.errors import ToolchainError
from toolchain.store import Progress
from toolchain.versions import Version, ask

__all__ = ["FLAGS", "Go", "can_fetch", "ensure", "fetched", "find", "oldest", "required"]

_HERE: Final = Path(__file__).parent
_MODULE: Final = "golang.org/toolchain"
_DOWNLOAD: Final = ("mod", "download", "-json", _MODULE)

FLAGS: Final = "-mod=readonly -trimpath -buildvcs=false -modcacherw"
"""What every Go command is told: use what go.sum vouches for, and leave paths out of binaries."""

_FETCHER: Final = Version(1, 17)
"""The oldest Go that can read toolchain/go/go.mod."""

_HINT: Final = "`go env GOPROXY` says where modules are fetched from"


@dataclass(frozen=True, slots=True)
class Go:
    """A Go that builds; `caches` is where a fetched one keeps modules and objects."""

    command: Path
    version: Version
    caches: Path | None = None

    def environment(self) -> dict[str, str]:
        """Variables for its builds: static, without this path in them, checked against go.sum.

        Where modules come from is left to the user's settings; what they are, to go.sum alone,
        which is complete, so that the checksum database, which does not know all, is not asked.
        """
        own = {}
        if self.caches is not None:
            own["GOCACHE"] = str(self.caches / "build")
            own["GOMODCACHE"] = str(self.caches / "modules")
        return {
            **os.environ,
            **own,
            "CGO_ENABLED": "0",
            "GOFLAGS": FLAGS,
            "GOOS": "linux",
            "GOSUMDB": "off",
            "GOTOOLCHAIN": "local",
            "GOWORK": "off",
        }

    def run(self, directory: Path, *arguments: str) -> str:
        """What `go ARGUMENTS` prints, run in `directory`; raises `ToolchainError`."""
        return process.run(
            [str(self.command), *arguments],
            directory=directory,
            environment=self.environment(),
            hint=_HINT,
        )

    def build(
        self, directory: Path, package: str, output: Path, linked: str, progress: Progress
    ) -> None:
        """Builds a command's `package` (a pattern from `directory`) with linker flags `linked`.

        Tells `progress` each time another tenth of the packages has been compiled. Raises
        `ToolchainError`.
        """
        what = output.name
        progress(f"{what}: fetching Go modules")
        total = len(self.run(directory, "list", "-deps", package).splitlines())
        progress(f"{what}: compiling up to {total} Go packages")
        compiled = 0

        def said(_: str) -> None:
            nonlocal compiled
            compiled += 1
            if compiled * 10 // total > (compiled - 1) * 10 // total:
                progress(f"{what}: {compiled} of {total} packages")

        flags = ("-v", f"-ldflags=-s -w {linked}", "-o", str(output))
        process.follow(
            [str(self.command), "build", *flags, package],
            said,
            directory=directory,
            environment=self.environment(),
            hint=_HINT,
        )


def required(module: str, path: str) -> str:
    """The version (`v1.2.3`) of module `path` that toolchain/MODULE/go.mod requires."""
    return _line(module, rf"^(?:require)?\s*{re.escape(path)} (v\S+)")


def oldest() -> Version:
    """The oldest Go that builds every module here."""
    return max(
        Version.parse(_line(module, r"^go (\S+)$") + ".0")
        for module in ("engine", "libvirt-plugin")
    )


def fetched() -> Version:
    """The Go that is fetched where none is new enough."""
    return Version.parse(required("go", _MODULE).partition("-go")[2])


def find() -> Go | None:
    """The Go on PATH, if it is new enough."""
    command = _on_path()
    if command is None:
        return None
    version = _version(command)
    return Go(command, version) if version >= oldest() else None


def can_fetch() -> bool:
    """Whether the Go on PATH, too old itself, can fetch one that is not."""
    command = _on_path()
    return command is not None and _version(command) >= _FETCHER


def ensure(caches: Path, progress: Progress) -> Go:
    """A Go that is new enough, fetched below `caches` if need be; raises `ToolchainError`."""
    if found := find():
        return found
    fetcher = _on_path()
    hint = "install Go (on Debian: apt-get install golang-go)"
    if fetcher is None:
        raise ToolchainError("there is no Go to build Pulumi's engine with", hint=hint)
    if _version(fetcher) < _FETCHER:
        raise ToolchainError(f"{fetcher} is older than {_FETCHER}", hint=hint)
    if not (caches / "modules" / _MODULE.partition("/")[0]).exists():
        progress(f"fetching Go {fetched()} (the one here is older than {oldest()})")
    return _fetch(fetcher, caches)


def _fetch(fetcher: Path, caches: Path) -> Go:
    # As a requirement, not by its name: then every Go holds it against go.sum.
    said = json.loads(Go(fetcher, _version(fetcher), caches).run(_HERE / "go", *_DOWNLOAD))
    root = Path(said["Dir"])
    # Modules carry no permissions; Go restores these itself only when it fetches for its own use.
    for path in (*root.glob("bin/*"), *root.glob("pkg/tool/*/*")):
        path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return Go(root / "bin" / "go", fetched(), caches)


def _line(module: str, pattern: str) -> str:
    path = _HERE / module / "go.mod"
    found = re.search(pattern, path.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise ToolchainError(f"{path} has no line {pattern}")
    return found[1]


def _on_path() -> Path | None:
    found = shutil.which("go")
    return Path(found) if found else None


def _version(command: Path) -> Version:
    # Without the setting, a Go may answer for (and fetch) another that a go.mod nearby asks for.
    return ask(command, "version", environment={**os.environ, "GOTOOLCHAIN": "local"})
