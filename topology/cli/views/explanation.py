"""Explained flows: their way for people, or JSON."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from topology.cli.views.json import Json
from topology.cli.views.proof import trace_document, trace_text
from topology.pipeline import Read
from topology.reach.explain import Explanation
from topology.reach.trace import End

__all__ = ["explanation_document", "explanation_text", "print_explanation"]


def print_explanation(found: Iterable[Explanation], read: Read) -> None:
    """Prints each flow's way there and back."""
    console = Console(highlight=False, soft_wrap=True)
    for explanation in found:
        console.print(explanation_text(explanation, read), end="")


def explanation_text(explanation: Explanation, read: Read) -> Text:
    """A flow's verdict, its first packet's way, and its answer's."""
    there, back = explanation.there, explanation.back
    text = Text()
    last = there.last.node
    if there.end is not End.DELIVERED:
        text.append(f"✗ {there.packet.service} does not get through: ", style="bold red")
        text.append(f"{_why(there.end)} at {last}\n", style="bold")
    elif explanation.opens:
        text.append(f"✓ {there.packet.service} gets through to {last}\n", style="bold green")
    else:
        text.append(f"✗ {there.packet.service} gets to {last}, its answer does not come back\n")
    text.append_text(trace_text(there, read))
    if back is not None:
        text.append("    and the answer\n")
        text.append_text(trace_text(back, read))
    return text


def explanation_document(found: Iterable[Explanation], read: Read) -> list[Json]:
    """Each flow as an object."""
    flows: list[Json] = []
    for each in found:
        flow: dict[str, Json] = {"opens": each.opens, "there": trace_document(each.there, read)}
        if each.back is not None:
            flow["back"] = trace_document(each.back, read)
        flows.append(flow)
    return flows


def _why(end: End) -> str:
    return {
        End.FILTERED: "filtered",
        End.LOOP: "a loop",
        End.MARTIAN: "a forged source",
        End.NO_NEIGHBOUR: "nobody has the address",
        End.NO_ROUTE: "no route",
        End.SPOOFED: "a spoofed source",
    }.get(end, str(end))
