"""`topology probe`: the statements of a running stack, seen on the wire."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from topology.cli.options import Json, RunningStack

__all__ = ["probe"]


def probe(
    stack: RunningStack,
    json: Json = False,
    junit: Annotated[
        Path | None, typer.Option("--junit", help="Also write a JUnit XML file.", metavar="FILE")
    ] = None,
    every: Annotated[
        bool, typer.Option("--every", "-e", help="A row for every probe, not one a statement.")
    ] = False,
) -> int:
    """Send real packets to a running stack and tell whether its statements hold.

    Pages by curl, names by dig, ports by nmap, echoes by ping, from where each statement's
    sources stand; then what runs is compared with what was deployed. Needs root, since it makes
    network namespaces. Exit code 1: a statement is broken on the wire.
    """
    from topology.cli.views.probe import print_report, report_document, show_progress
    from topology.image import project_root
    from topology.pipeline import require_file
    from topology.probe.junit import junit as junit_text
    from topology.probe.outputs import read_outputs
    from topology.probe.run import run_probes
    from topology.probe.where import Where

    root = project_root()
    outputs = read_outputs(stack, root=root)
    where = Where.of(outputs)
    with show_progress(hidden=json) as progress:
        report = run_probes(
            require_file(root / outputs.file),
            outputs,
            stack=stack,
            uri=where.uri,
            surroundings=where.surroundings,
            progress=progress,
        )
    if junit is not None:
        junit.write_text(junit_text(report), encoding="utf-8")
    if json:
        from topology.cli.views.json import print_document

        print_document(report_document(report))
    else:
        print_report(report, every=every)
    return report.exit_code
