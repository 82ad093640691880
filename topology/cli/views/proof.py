"""Verdicts on statements: a table and each breaking packet's way for people, or JSON."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from topology.cli.views.json import Json
from topology.diagnostics import display_path
from topology.pipeline import Read
from topology.reach.space import Packet
from topology.reach.story import Told, tell
from topology.reach.trace import Hop, Trace
from topology.reach.verdict import Proof, Verdict
from topology.resolve.types import ResolvedTopology

__all__ = ["print_proof", "proof_document", "proof_text", "trace_document", "trace_text"]


def print_proof(proof: Proof, read: Read) -> None:
    """Prints a line a statement, the broken ones with their packet and its way."""
    Console(highlight=False, soft_wrap=True).print(proof_text(proof, read), end="")


def proof_text(proof: Proof, read: Read) -> Text:
    """What `print_proof` prints."""
    text = Text()
    for verdict in proof.verdicts.values():
        statement = verdict.statement
        if verdict.holds:
            text.append("✓ ", style="green").append(f"{statement.name}: proved for all packets\n")
            continue
        text.append("✗ ", style="red").append(f"{statement.name}: ", style="bold")
        text.append(f"{verdict.summary}\n", style="bold")
        if place := _place(("statements", statement.name), read):
            text.append(f"    stated at {place}\n", style="dim")
        text.append_text(_counterexample(verdict, read))
    count = len(proof.broken)
    total = len(proof.verdicts)
    if total == 0:
        text.append("there are no statements: nothing to prove\n")
    elif count:
        text.append(f"{count} of {total} statements do not hold\n", style="red")
    else:
        text.append(f"all {total} statements hold for all packets\n", style="green")
    return text


def _counterexample(verdict: Verdict, read: Read) -> Text:
    broken = verdict.broken
    assert broken is not None
    text = Text()
    if broken.question is not None:
        text.append_text(trace_text(broken.question, read))
        text.append("    and the answer\n")
    if broken.trace is not None:
        text.append_text(trace_text(broken.trace, read))
    return text


def trace_text(trace: Trace, read: Read) -> Text:
    """A packet and what every node did with it, with the lines of rules and routes."""
    assert read.resolved is not None
    told = tell(trace, read.resolved, read.loaded.topology)
    text = Text().append(f"    {trace.packet}\n", style="cyan")
    width = max((len(each.node) for each in told), default=0)
    before = ""
    for each in told:
        shown = "" if each.node == before else each.node
        before = each.node
        text.append(f"      {shown:{width}}  {each.text}")
        if place := _place(each.path, read):
            text.append(f"  ({place})", style="dim")
        text.append("\n")
    return text


def _place(path: tuple[str | int, ...], read: Read) -> str:
    if not path:
        return ""
    position = read.locate(path)
    return str(position) if position is not None else display_path(path)


def proof_document(proof: Proof, read: Read) -> Json:
    """Every verdict, the broken ones with packet, hops, and the lines that decided."""
    return {
        "version": 1,
        "holds": proof.holds,
        "statements": [_verdict(verdict, read) for verdict in proof.verdicts.values()],
    }


def _verdict(verdict: Verdict, read: Read) -> Json:
    statement = verdict.statement
    document: dict[str, Json] = {
        "name": statement.name,
        "kind": statement.kind.value,
        "holds": verdict.holds,
        **_position(("statements", statement.name), read),
    }
    if verdict.broken is not None:
        broken = verdict.broken
        document |= {
            "summary": verdict.summary,
            "break": broken.kind.value,
            "from": broken.source,
            "to": broken.destination,
        }
        if broken.question is not None:
            document["question"] = trace_document(broken.question, read)
        if broken.trace is not None:
            document["counterexample"] = trace_document(broken.trace, read)
    return document


def trace_document(trace: Trace, read: Read) -> Json:
    """A packet's way as an object; `steps` are what `trace_text` prints."""
    assert read.resolved is not None
    told = tell(trace, read.resolved, read.loaded.topology)
    return {
        "packet": _packet(trace.packet),
        "end": trace.end.value,
        "hops": [_hop(hop, read.resolved) for hop in trace.hops],
        "steps": _steps(told, read),
    }


def _packet(packet: Packet) -> Json:
    document: dict[str, Json] = {
        "source": str(packet.source),
        "destination": str(packet.destination),
        "service": packet.service,
    }
    if packet.source_port is not None:
        document["source_port"] = packet.source_port
    return document


def _hop(hop: Hop, topology: ResolvedTopology) -> Json:
    named = (("node", hop.node), ("ingress", hop.ingress), ("egress", hop.egress))
    document: dict[str, Json] = {key: value for key, value in named if value is not None}
    if hop.route is not None:
        document["route"] = {"prefix": str(hop.route.prefix), "via": str(hop.route.via)}
    said, policy = hop.judgement, topology.nodes[hop.node].policy
    if said is not None and policy is not None:
        document["permitted"] = said.permitted
        if said.rule is not None:
            document["rule"] = policy.rules[said.rule].name
        document["decided"] = (
            "established"
            if said.established
            else "invalid"
            if said.unknown
            else "default"
            if said.rule is None
            else "rule"
        )
    return document


def _steps(told: Iterable[Told], read: Read) -> list[Json]:
    return [
        {"node": each.node, "text": each.text, **(_position(each.path, read) if each.path else {})}
        for each in told
    ]


def _position(path: tuple[str | int, ...], read: Read) -> dict[str, Json]:
    position = read.locate(path)
    document: dict[str, Json] = {"path": display_path(path)}
    if position is not None:
        document |= {"file": position.file, "line": position.line, "column": position.column}
    return document
