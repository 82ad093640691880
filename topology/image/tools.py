"""The programs that make images, run so that nothing of this machine gets into the bytes."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from topology.image.errors import ImageError

# What a build may know of its surroundings: where its tools are and how to reach a registry.
_PASSED = frozenset(
    {
        "CARGO_HOME",
        "HOME",
        "PATH",
        "RUSTUP_HOME",
        "RUSTUP_TOOLCHAIN",
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
        "TMPDIR",
        "USER",
    }
)
_PASSED_PREFIXES = ("CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTRIES_", "CARGO_REGISTRY_")
_PROXIES = frozenset({"all_proxy", "http_proxy", "https_proxy", "no_proxy"})
_LAST_LINES = 20

_INSTALL = {
    "cargo": "install Rust 1.91 or newer with cargo; `./lab doctor` says what is missing",
    "rustc": "install Rust 1.91 or newer; `./lab doctor` says what is missing",
    "mksquashfs": "install squashfs-tools; `./lab doctor` says what is missing",
}

_HINTS = {
    os.strerror(errno.ENOSPC): "the disk is full: free some space",
    "--locked was passed": "Cargo.lock does not fit the manifests: run `cargo update --workspace`",
}
"""What a tool's words mean, where they do not say what to do."""


def environment() -> dict[str, str]:
    """The environment of a build: no flags, wrappers or profiles of the user's."""
    passed = {
        name: value
        for name, value in os.environ.items()
        if name in _PASSED or name.startswith(_PASSED_PREFIXES) or name.lower() in _PROXIES
    }
    return passed | {
        "CARGO_INCREMENTAL": "0",
        "CARGO_TERM_COLOR": "never",
        "LC_ALL": "C",
    }


def find(tool: str) -> str:
    """The path of a tool; raises `ImageError` that says what to install."""
    found = shutil.which(tool)
    if found is None:
        raise ImageError(f"{tool} is not on PATH", hint=_INSTALL.get(tool, ""))
    return found


def ask(command: Sequence[str], *, cwd: Path) -> str:
    """What a short command prints; raises `ImageError` with its words when it fails."""
    with asking(command, cwd=cwd) as answer:
        return answer()


@contextmanager
def asking(command: Sequence[str], *, cwd: Path) -> Iterator[Callable[[], str]]:
    """Starts a short command; the function that it gives waits for it, as `ask` does."""
    with subprocess.Popen(
        command,
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:

        def answer() -> str:
            printed, words = process.communicate()
            if process.returncode != 0:
                last = tuple(words.splitlines()[-_LAST_LINES:])
                raise ImageError(
                    f"{' '.join(command)} failed with status {process.returncode}",
                    hint=_hint(last),
                    output=last,
                )
            return printed

        try:
            yield answer
        finally:
            if process.poll() is None:
                process.terminate()


def run(
    command: Sequence[str],
    what: str,
    *,
    cwd: Path,
    extra: Mapping[str, str],
    progress: Callable[[str], None],
) -> None:
    """Runs a build to its end, its output line by line into `progress`.

    `what` names the image. Raises `ImageError` with the last lines when the build fails; a
    build that is interrupted is stopped.
    """
    last: deque[str] = deque(maxlen=_LAST_LINES)
    with subprocess.Popen(
        command,
        cwd=cwd,
        env=environment() | dict(extra),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                last.append(line.rstrip())
                progress(f"{what}: {line.strip()}")
            status = process.wait()
        except BaseException:
            process.terminate()
            raise
    if status != 0:
        raise ImageError(
            f"building {what} failed: {Path(command[0]).name} ended with status {status}",
            hint=_hint(last),
            output=tuple(last),
        )


def _hint(lines: Iterable[str]) -> str:
    for line in lines:
        for words, hint in _HINTS.items():
            if words in line:
                return hint
    return ""


__all__ = ["ask", "asking", "environment", "find", "run"]
