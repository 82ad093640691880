"""`topology schema`: the JSON Schema of topology files, diffs, drifts and benchmark records."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from topology.cli.exits import ExitCode

__all__ = ["Form", "schema"]


class Form(StrEnum):
    """Whose schema: the topology file's, a diff's, a drift's, or that of a line of a benchmark."""

    BENCH = "bench"
    DIFF = "diff"
    DRIFT = "drift"
    TOPOLOGY = "topology"


def schema(
    form: Annotated[Form, typer.Argument(help="What it describes.")] = Form.TOPOLOGY,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write it to a file.", metavar="FILE")
    ] = None,
) -> int:
    """Print the JSON Schema that editors complete and check topology files by.

    A file names it in its first line:
    # yaml-language-server: $schema=docs/schema/topology.schema.json
    """
    import json

    if form is Form.BENCH:
        from topology.bench.record import record_schema

        document = record_schema()
    elif form is Form.DIFF:
        from topology.render.diff.document import diff_schema

        document = diff_schema()
    elif form is Form.DRIFT:
        from topology.drift.document import drift_schema

        document = drift_schema()
    else:
        from topology.model.schema import topology_schema

        document = topology_schema()
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    if output is None:
        typer.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")
    return ExitCode.DONE
