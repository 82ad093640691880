"""The Python environment: made of the hashed locks, shared by the clones that have the same."""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from toolchain import process
from toolchain.errors import ToolchainError
from toolchain.store import Progress, Store, digest, quiet

__all__ = ["OLDEST", "ensure_venv", "find_venv", "write_launcher"]

OLDEST: Final = (3, 11)
"""The oldest Python that runs the project (`requires-python` in pyproject.toml)."""

_BUILD: Final = "requirements-build.lock"
_RUN: Final = "requirements.lock"
_DEV: Final = "requirements-dev.lock"
_FINISHED: Final = ".finished"
_FROM_SOURCE: Final = "libvirt-python"
_PIP: Final = (
    "--quiet",
    "--no-input",
    "--disable-pip-version-check",
    "--require-hashes",
    "--only-binary=:all:",
)
_HINT: Final = "`lab doctor` says which packages are missing"

_LAUNCHER: Final = """\
#!/bin/sh
# Runs the command `topology` of one clone; written by toolchain/python.py.
# Bytecode is kept out of the clone, where root's would be in its owner's way.
: "${{PYTHONPYCACHEPREFIX:=${{XDG_CACHE_HOME:-$HOME/.cache}}/topology/bytecode}}"
export PYTHONPYCACHEPREFIX
exec {python} -P -c {program} "$@"
"""

_PROGRAM: Final = """\
import sys
sys.argv[0] = "topology"
sys.path.insert(0, {root!r})
from topology.cli import main
sys.exit(main())
"""


def find_venv(cache: Path, root: Path, dev: bool = False) -> Path | None:
    """The finished environment for the clone at `root`, if it is there."""
    path = _path(cache, root, dev)
    return path if (path / _FINISHED).exists() else None


def ensure_venv(cache: Path, root: Path, dev: bool = False, progress: Progress = quiet) -> Path:
    """The environment for the clone at `root`, made below `cache` if it is not there yet.

    With `dev`, what tests and checks need is in it too. Raises `ToolchainError`.
    """
    if finished := find_venv(cache, root, dev):
        return finished
    if sys.version_info < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        raise ToolchainError(f"Python {platform.python_version()} is older than {wanted}")
    path = _path(cache, root, dev)
    # An environment cannot be moved, so it is made in place and marked when it is whole.
    with Store(path.parent).locked(progress):
        if finished := find_venv(cache, root, dev):
            return finished
        if path.exists():
            shutil.rmtree(path)
        try:
            _make(path, root, dev, progress)
            (path / _FINISHED).touch()
        finally:
            if not (path / _FINISHED).exists():
                shutil.rmtree(path, ignore_errors=True)
    return path


def write_launcher(venv: Path, root: Path, directory: Path) -> Path:
    """Writes the command `topology`, which runs the clone at `root` in `venv`, to `directory`.

    The environment serves many clones and names none, so each lab has a launcher of its own.
    """
    directory.mkdir(parents=True, exist_ok=True)
    launcher = directory / "topology"
    text = _LAUNCHER.format(
        python=shlex.quote(str(venv / "bin" / "python")),
        program=shlex.quote(_PROGRAM.format(root=str(root))),
    )
    unready = launcher.with_name(f".{launcher.name}.{os.getpid()}")
    unready.write_text(text, encoding="utf-8")
    unready.chmod(0o755)
    return unready.replace(launcher)


def _locks(dev: bool) -> Iterator[str]:
    yield _BUILD
    yield _RUN
    if dev:
        yield _DEV


def _path(cache: Path, root: Path, dev: bool) -> Path:
    locks = [root / name for name in _locks(dev)]
    facts = (platform.python_implementation(), platform.python_version(), _interpreter())
    name = f"{'dev' if dev else 'run'}-{digest(root, locks, *facts, platform.machine())}"
    return cache / "venv" / name


def _interpreter() -> str:
    """The interpreter that environments are made from, also when one of them runs this."""
    return str(Path(getattr(sys, "_base_executable", sys.executable)).resolve())


def _make(path: Path, root: Path, dev: bool, progress: Progress) -> None:
    progress(f"making the Python environment {path.name}")
    process.run([_interpreter(), "-m", "venv", str(path)], hint=_HINT)
    pip = (str(path / "bin" / "python"), "-m", "pip", "install", *_PIP)
    process.run([*pip, "--requirement", str(root / _BUILD)], hint=_HINT)
    locks = [part for name in _locks(dev) for part in ("--requirement", str(root / name))]
    progress("installing Python packages (libvirt's binding is compiled)")
    # What builds the binding is pinned too, so it is installed first and not fetched beside it.
    source = ("--no-binary", _FROM_SOURCE, "--no-build-isolation")
    process.run([*pip, *source, *locks], hint=_HINT)
