"""`python3 -m sandbox.selftest`: assemble `selftest.s` anew into `image.py` (needs binutils)."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ADDRESS = 0x100000  # not from the package, which cannot be imported before image.py is there
HERE = Path(__file__).resolve().parent


def assemble() -> bytes:
    """Return the machine code of selftest.s; raises OSError or CalledProcessError."""
    with tempfile.TemporaryDirectory() as directory:
        made, flat = Path(directory, "selftest.o"), Path(directory, "selftest.bin")
        subprocess.run(["as", "--64", "-o", str(made), str(HERE / "selftest.s")], check=True)
        link = ["ld", f"-Ttext={ADDRESS:#x}", "--oformat", "binary", "-o", str(flat), str(made)]
        subprocess.run(link, check=True)
        return flat.read_bytes()


def render(code: bytes) -> str:
    """Return the text of image.py."""
    lines = [f'    "{code[at : at + 40].hex()}"' for at in range(0, len(code), 40)]
    return "\n".join(
        [
            '"""Made from selftest.s by `python3 -m sandbox.selftest`: do not edit."""',
            "",
            '__all__ = ["CODE"]',
            "",
            "CODE = bytes.fromhex(",
            *lines,
            ")",
            "",
        ]
    )


def main() -> int:
    """Write image.py."""
    (HERE / "image.py").write_text(render(assemble()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
