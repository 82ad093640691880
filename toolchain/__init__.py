"""What installs or builds the tools that a lab needs; standard library only.

It runs before the Python environment exists, under the system's interpreter.

>>> from pathlib import Path
>>> status(Path("/nonexistent")).engine.name
'pulumi'
"""

from __future__ import annotations

from toolchain.assembly import Origin, Status, Tool, Toolchain, ensure, link_plugins, status
from toolchain.errors import ToolchainError
from toolchain.store import Progress

__all__ = [
    "Origin",
    "Progress",
    "Status",
    "Tool",
    "Toolchain",
    "ToolchainError",
    "ensure",
    "link_plugins",
    "status",
]
