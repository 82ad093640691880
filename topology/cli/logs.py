"""`topology logs`: what the nodes of a stack say of themselves."""

from __future__ import annotations

from typing import Annotated

import typer

from topology.cli.ends import end_as_by_ctrl_c
from topology.cli.exits import ExitCode
from topology.cli.options import Json, RunningStack

__all__ = ["logs"]


def logs(
    stack: RunningStack,
    nodes: Annotated[
        list[str] | None,
        typer.Argument(help="Which nodes; all if none is named.", metavar="[NODE]…"),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what they say from now on.")
    ] = False,
    json: Json = False,
) -> int:
    """Print the consoles of a stack's nodes, merged by time: starts, drops, counters, ends.

    A drop is told with its rule and the line of the topology's file; of counters, what rose.
    Nodes report ten drops a second at most (counters count them all), and counters once a second
    at most. With --json each line is the node's own object with `time` and, for drops, `place`.
    Exit code 70: a console cannot be read.

    Example: topology logs firewall --stack unikernel --follow
    """
    from topology.cli.views.logs import print_line, print_note
    from topology.image import project_root
    from topology.inside.consoles import follow as follow_consoles
    from topology.inside.consoles import read_console
    from topology.inside.lines import merged
    from topology.inside.stack import look_into
    from topology.inside.words import Teller

    looked = look_into(stack, root=project_root())
    chosen = looked.nodes(nodes or [])
    read = {n: read_console(n, one.console, looked.surroundings) for n, one in chosen.items()}
    teller = Teller(looked.rules)
    for name, written in read.items():
        if written.note:
            print_note(name, written.note)
    for line in merged([written.lines for written in read.values()]):
        print_line(line, teller, looked.rules, json=json)
    if follow:
        end_as_by_ctrl_c()
        known = {name: (chosen[name].console, written.size) for name, written in read.items()}
        for line in follow_consoles(known, looked.surroundings):
            print_line(line, teller, looked.rules, json=json)
    unread = any(not written.lines and not written.size for written in read.values())
    return ExitCode.FAULT if unread else ExitCode.DONE
