"""`python3 -m sandbox.assemble`: assemble the lab's own machine code anew (needs binutils).

Each package that has some holds it as `PACKAGE.s`, and assembled in `image.py`.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

# Where each is linked to (0: it runs anywhere); not from the packages, which need their `image.py`
# to be imported.
ADDRESSES = {"emulator": 0, "selftest": 0x100000}
HERE = Path(__file__).resolve().parent


def assemble(package: str) -> bytes:
    """Return a package's machine code; raises OSError or CalledProcessError."""
    source = HERE / package / f"{package}.s"
    with tempfile.TemporaryDirectory() as directory:
        made, flat = Path(directory, "made.o"), Path(directory, "made.bin")
        subprocess.run(["as", "--64", "-o", str(made), str(source)], check=True)
        link = ["ld", f"-Ttext={ADDRESSES[package]:#x}", "--oformat", "binary"]
        subprocess.run([*link, "-o", str(flat), str(made)], check=True)
        return flat.read_bytes()


def render(package: str, code: bytes) -> str:
    """Return the text of a package's image.py."""
    lines = [f'    "{code[at : at + 40].hex()}"' for at in range(0, len(code), 40)]
    return "\n".join(
        [
            f'"""Made from {package}.s by `python3 -m sandbox.assemble`: do not edit."""',
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
    """Write each image.py."""
    for package in ADDRESSES:
        text = render(package, assemble(package))
        (HERE / package / "image.py").write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
