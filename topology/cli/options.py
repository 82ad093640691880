"""Arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

__all__ = ["DEFAULT_FILE", "Json", "RunningStack", "TopologyFile"]

DEFAULT_FILE = "poc.yaml"
"""The topology that is used when none is named."""

Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]

RunningStack: TypeAlias = Annotated[
    str, typer.Option("--stack", "-s", help="The Pulumi stack that runs.")
]

TopologyFile: TypeAlias = Annotated[
    Path, typer.Argument(help="The topology's file.", metavar="FILE")
]
