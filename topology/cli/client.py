"""`topology client`: a command where the outside of a running stack stands."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from topology.cli.exits import ExitCode
from topology.cli.options import RunningStack

__all__ = ["client"]


def client(  # noqa: RET503 -- it ends in another program
    stack: RunningStack,
    command: Annotated[
        list[str] | None,
        typer.Argument(help="The command, after --.", metavar="-- COMMAND…", show_default=False),
    ] = None,
    node: Annotated[
        str | None,
        typer.Option("--node", "-n", help="Which external node, where there are several."),
    ] = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Remove the client from the segment instead.")
    ] = False,
) -> int:
    """Run a command as an outside client: on its segment, names resolved by the topology's DNS.

    The client is a network namespace, made when it is missing and kept for the next call.
    Needs root. The exit code is the command's own.

    Example: topology client --stack unikernel -- curl http://www.poc.example/
    """
    from topology.image import project_root
    from topology.probe.errors import ProbeError
    from topology.probe.outputs import read_outputs
    from topology.probe.places import outside_place
    from topology.probe.where import Where

    if detach == bool(command):
        raise typer.BadParameter("give a command after --, or --detach")
    outputs = read_outputs(stack, root=project_root())
    found = [o for o in outputs.outside if node is None or o.node == node]
    if not found:
        known = ", ".join(o.node for o in outputs.outside) or "none"
        raise ProbeError(
            f"stack {stack} has no external node {node or ''}".rstrip(), hint=f"known: {known}"
        )
    place = outside_place(stack, found[0], Where.of(outputs).surroundings)
    if detach:
        place.detach()
        return ExitCode.DONE
    place.attach()
    line = place.command(command or [])
    os.execvp(line[0], line)  # noqa: S606 -- the point: the command takes our place
