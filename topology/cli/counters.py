"""`topology counters`: what the nodes of a stack have counted, as of now."""

from __future__ import annotations

from typing import Annotated

import typer

from topology.cli.exits import ExitCode
from topology.cli.options import Json, RunningStack

__all__ = ["counters"]


def counters(
    stack: RunningStack,
    nodes: Annotated[
        list[str] | None,
        typer.Argument(help="Which nodes; all if none is named.", metavar="[NODE]…"),
    ] = None,
    json: Json = False,
) -> int:
    """Ask the nodes of a stack for their counters, and print the answers.

    A unikernel is asked by a key on its console, a container by a signal to its init, through
    libvirt; nothing in the network reaches either. Each writes one line of counters, whether
    they changed or not, ten times a second at most. Starts are those that the console shows, with
    the reason of the last. Counters of rules that never matched are left out.
    Exit code 70: a node gave no answer.

    Example: topology counters firewall --stack unikernel
    """
    from topology.cli.views.counters import counters_document, print_counted
    from topology.cli.views.json import print_document
    from topology.image import project_root
    from topology.inside.counters import counters_now
    from topology.inside.stack import look_into

    found = counters_now(look_into(stack, root=project_root()), nodes or [])
    if json:
        print_document(counters_document(stack, found))
    else:
        print_counted(found)
    return ExitCode.FAULT if any(one.fault for one in found) else ExitCode.DONE
