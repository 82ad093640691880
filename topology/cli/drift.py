"""`topology drift`: what runs against what was applied, and that against the file."""

from __future__ import annotations

from typing import Annotated

import typer

from topology.cli.options import Json, RunningStack

__all__ = ["drift"]


def drift(
    stack: RunningStack,
    json: Json = False,
    wire: Annotated[
        bool,
        typer.Option(
            "--wire/--no-wire", help="Look at bridges and inside containers, which needs root."
        ),
    ] = True,
    probe: Annotated[
        bool, typer.Option("--probe", help="Probe the applied statements on the wire, too.")
    ] = False,
) -> int:
    """Name every difference between what runs, what was applied and the file, and its mend.

    Domains, networks and volumes as libvirt has them, volumes by their bytes; bridges and their
    ports; addresses, routes and rules inside containers; the file as it is today. Looking
    changes nothing. Exit code 0: none; 1: drift; 68: never deployed; 70: no drift seen, but not
    everything could be compared.

    Example: topology drift --stack unikernel
    """
    from topology.cli.views.drift import print_drift
    from topology.drift.run import Choices, find_drift
    from topology.image import project_root

    report = find_drift(stack, root=project_root(), choices=Choices(wire, probe))
    if json:
        from topology.cli.views.json import print_document
        from topology.drift.document import drift_document

        print_document(drift_document(report))
    else:
        print_drift(report)
    return report.exit_code
