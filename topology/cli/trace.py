"""`topology trace`: dropped packets as they are dropped, and why."""

from __future__ import annotations

from typing import Annotated

import typer

from topology.cli.ends import end_as_by_ctrl_c
from topology.cli.exits import ExitCode
from topology.cli.options import Json, RunningStack

__all__ = ["trace"]


def trace(
    stack: RunningStack,
    source: Annotated[
        str, typer.Option("--from", help="A node, zone, segment or address.", show_default=False)
    ] = "",
    destination: Annotated[
        str, typer.Option("--to", help="A node, zone, segment or address.", show_default=False)
    ] = "",
    tcp: Annotated[int | None, typer.Option(help="A TCP port.", min=0, max=65535)] = None,
    udp: Annotated[int | None, typer.Option(help="A UDP port.", min=0, max=65535)] = None,
    icmp: Annotated[bool, typer.Option("--icmp", help="ICMP of both families.")] = False,
    count: Annotated[
        int | None, typer.Option("--count", "-c", help="End after so many drops.", min=1)
    ] = None,
    json: Json = False,
) -> int:
    """Follow what a running stack's filters do, until Ctrl-C.

    Each dropped packet with its rule, the line of the topology's file and what the model says of
    it; once a second the counters that rose, of rules that permit, too. A node reports ten drops
    a second at most, in bursts of twenty, and only of rules with `log: true` and of the default:
    the counters count all of them, so what was not told is told as a number.

    Example: topology trace --stack containers --from client --icmp
    """
    from topology.cli.views.trace import Follower
    from topology.diagnostics import did_you_mean
    from topology.image import project_root
    from topology.inside.consoles import follow, read_console
    from topology.inside.stack import look_into
    from topology.inside.trace import Wanted, prefixes_of
    from topology.probe.errors import ProbeError
    from topology.resolve import Names

    if (tcp, udp).count(None) + (not icmp) < 2:
        raise typer.BadParameter("give one of --tcp, --udp and --icmp at most")
    end_as_by_ctrl_c()
    looked = look_into(stack, root=project_root())
    rules = looked.rules
    if rules is None or rules.resolved is None:
        raise ProbeError(f"the topology that stack {stack} applied cannot be resolved")
    names = Names(rules.view.declared)
    ends = []
    for option, selector in (("--from", source), ("--to", destination)):
        found = prefixes_of(names, rules.resolved, selector) if selector else frozenset()
        if selector and not found:
            hint = did_you_mean(selector, names.selectors, "names")
            raise typer.BadParameter(f"there is no `{selector}`: {hint}", param_hint=option)
        ends.append(found)
    protocols = {"tcp"} if tcp is not None else {"udp"} if udp is not None else set()
    protocols |= {"icmp", "icmpv6"} if icmp else set()
    port = tcp if tcp is not None else udp
    wanted = Wanted(ends[0], ends[1], frozenset(protocols), port)
    filters = [n.name for n in rules.resolved.nodes.values() if n.policy is not None]
    chosen = looked.nodes(filters)
    if not filters:
        raise ProbeError(f"stack {stack} has no node that filters")
    read = {n: read_console(n, one.console, looked.surroundings) for n, one in chosen.items()}
    follower = Follower(rules, wanted, json=json)
    for name, written in read.items():
        if written.note and not written.size:
            raise ProbeError(f"{name}: {written.note}")
        follower.begin(written.lines)
    typer.echo(f"following {', '.join(filters)}; Ctrl-C ends it", err=True)
    known = {name: (chosen[name].console, written.size) for name, written in read.items()}
    try:
        for line in follow(known, looked.surroundings):
            follower.take(line)
            if count is not None and follower.told >= count and follower.counted:
                break
    except KeyboardInterrupt:
        pass  # how it ends
    typer.echo(follower.summary(), err=True)
    return ExitCode.DONE
