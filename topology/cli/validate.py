"""`topology validate`: every mistake in topology files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from topology.cli.exits import ExitCode
from topology.cli.options import DEFAULT_FILE, Json

__all__ = ["validate"]


def validate(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help=f"Topology files; {DEFAULT_FILE} if none is named.",
            metavar="FILE…",
            show_default=False,
        ),
    ] = None,
    json: Json = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Warnings make a topology invalid too.")
    ] = False,
    remarks: Annotated[
        bool,
        typer.Option(
            "--remarks", help="Tell what is worth knowing, too: single points of failure."
        ),
    ] = False,
    host: Annotated[
        bool, typer.Option("--host", help="Hold prefixes against those that this host uses.")
    ] = False,
) -> int:
    """Check topology files and tell every mistake: where it is and what to type."""
    from topology.diagnostics import Severity
    from topology.pipeline import read_file

    results = []
    for file in files or [Path(DEFAULT_FILE)]:
        read = read_file(file)
        found = read.diagnostics
        if remarks and read.resolved is not None:
            from topology.check import REMARKS, run_checks

            found += read.loaded.locate(run_checks(REMARKS, read.resolved))
        if host and read.resolved is not None:
            from topology.check.host_prefixes import host_prefixes
            from topology.cli.host import used_prefixes

            found += read.loaded.locate(host_prefixes(read.resolved, used_prefixes()))
        results.append((file, found))
    refused = {Severity.ERROR, *([Severity.WARNING] if strict else [])}
    valid = [all(d.severity not in refused for d in found) for _, found in results]
    if json:
        from topology.cli.views.json import diagnostics_document, print_document

        print_document(
            {
                "version": 1,
                "files": [
                    {"file": str(file), "valid": ok, "diagnostics": diagnostics_document(found)}
                    for (file, found), ok in zip(results, valid, strict=True)
                ],
            }
        )
    else:
        from topology.cli.views.human import print_diagnostics, print_verdict

        for (file, found), ok in zip(results, valid, strict=True):
            print_diagnostics(found)
            print_verdict(file, found, ok)
    return ExitCode.DONE if all(valid) else ExitCode.INVALID
