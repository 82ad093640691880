"""`topology capture`: what is on a segment or at a node's port, as pcapng."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from topology.cli.ends import end_as_by_ctrl_c
from topology.cli.exits import ExitCode
from topology.cli.options import RunningStack

__all__ = ["capture"]


def capture(
    what: Annotated[str, typer.Argument(help="Where to listen.", metavar="SEGMENT|NODE[:SEGMENT]")],
    stack: RunningStack,
    write: Annotated[
        str, typer.Option("--write", "-w", help="A file, - for standard output.", metavar="FILE")
    ] = "-",
    expression: Annotated[
        str, typer.Option("--filter", "-f", help="Which packets, as tcpdump's.", metavar="EXPR")
    ] = "",
    count: Annotated[
        int | None, typer.Option("--count", "-c", help="End after so many packets.", min=1)
    ] = None,
) -> int:
    """Capture packets from a running stack until Ctrl-C; counts are told on standard error.

    A segment is heard on its bridge, a node at its ports, each an interface of the file with a
    name. Needs root, since it listens in the lab's network namespace.

    Examples: topology capture servers --stack unikernel -w page.pcapng ·
    topology capture firewall -s containers | wireshark -k -i -
    """
    from topology.image import project_root
    from topology.inside.capture import capture as capture_ports
    from topology.inside.capture import ports_of
    from topology.inside.stack import look_into

    if write == "-" and sys.stdout.isatty():
        raise typer.BadParameter("a terminal shows no pcapng: give -w FILE, or a pipe")
    end_as_by_ctrl_c()
    looked = look_into(stack, root=project_root())
    ports = ports_of(looked, what)
    names = ", ".join(port.name for port in ports)
    typer.echo(f"capturing {names}; Ctrl-C ends it", err=True)
    stream = sys.stdout.buffer if write == "-" else Path(write).open("wb")  # noqa: SIM115
    with stream:

        def put(data: bytes) -> None:
            stream.write(data)
            stream.flush()

        seen = capture_ports(looked, ports, expression, put, count=count)
    for name, packets in seen.packets.items():
        lost = seen.lost.get(name, 0)
        told = f", {lost} lost by the kernel" if lost else ""
        typer.echo(f"{name}: {packets} packets{told}", err=True)
    return ExitCode.DONE
