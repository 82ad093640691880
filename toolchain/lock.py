"""`python3 -m toolchain.lock`: writes every requirements*.lock anew from its requirements*.in."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Final

__all__ = ["main"]

_ROOT: Final = Path(__file__).parent.parent
_ORDER: Final = ("requirements-build", "requirements", "requirements-dev")
"""The development lock is held to what the one before it chose."""

_OPTIONS: Final = (
    "--quiet",
    "--upgrade",
    "--generate-hashes",
    "--allow-unsafe",
    "--strip-extras",
    "--annotation-style=line",
    "--no-header",
    # Where packages come from is the business of who installs them.
    "--no-emit-find-links",
    "--no-emit-index-url",
    "--no-emit-trusted-host",
)


def main() -> int:
    """Resolves with a pip-tools of its own, which no lock has to name."""
    with tempfile.TemporaryDirectory() as name:
        venv.create(name, with_pip=True)
        python = str(Path(name, "bin", "python"))
        subprocess.run([python, "-m", "pip", "install", "--quiet", "pip-tools"], check=True)
        for lock in _ORDER:
            sys.stderr.write(f"resolving {lock}.in\n")
            files = (f"--output-file={lock}.lock", f"{lock}.in")
            subprocess.run(
                [python, "-m", "piptools", "compile", *_OPTIONS, *files], cwd=_ROOT, check=True
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
