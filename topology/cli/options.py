"""Arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

__all__ = ["DEFAULT_FILE", "Json", "TopologyFile"]

DEFAULT_FILE = "poc.yaml"
"""The topology that is used when none is named."""

Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]

TopologyFile: TypeAlias = Annotated[
    Path, typer.Argument(help="The topology's file.", metavar="FILE")
]
