"""Dropped packets and counters as they come, for people and for programs."""

from __future__ import annotations

import json as encoder
from collections import Counter
from collections.abc import Iterable

import typer

from topology.cli.views.logs import line_document, printable
from topology.inside.lines import Line
from topology.inside.rules import Rules
from topology.inside.trace import Wanted, model_of
from topology.inside.words import Teller, clock, dropped
from topology.render.nftables import REVERSE_PATH

__all__ = ["Follower"]

_RULE = "rule."
_SPOOFED = "dropped.spoofed"


class Follower:
    """Prints drops at once and, with the node's next counters, which of them rose."""

    def __init__(self, rules: Rules, wanted: Wanted, *, json: bool) -> None:
        self._rules = rules
        self._wanted = wanted
        self._json = json
        self._teller = Teller(rules)
        self._reported: Counter[tuple[str, str]] = Counter()
        self._dropped: Counter[tuple[str, str]] = Counter()
        self.told = 0
        self.counted = True

    def begin(self, lines: Iterable[Line]) -> None:
        """Takes the counters that were there before."""
        for line in lines:
            if line.event == "counters":
                self._teller.counted(line)

    def take(self, line: Line) -> None:
        """Prints what a line is worth."""
        if line.event == "drop":
            self._reported[line.node, str(line.fields.get("rule"))] += 1
            if self._wanted.fits(line):
                self.told += 1
                self.counted = False
                self._drop(line)
        elif line.event == "counters":
            self._counters(line)
        elif line.event in ("boot", "fatal"):
            if line.event == "boot":
                self._teller.tell(line)
            self._print(line, self._teller.tell(line))

    def summary(self) -> str:
        """How much was dropped by which rule, and how much of it was told."""
        if not self._dropped:
            return "no counter of a drop rose"
        parts = [
            f"{node} {rule}: {count} dropped, {self._reported[node, rule]} reported"
            for (node, rule), count in sorted(self._dropped.items())
        ]
        return "; ".join(parts)

    def _drop(self, line: Line) -> None:
        rule = str(line.fields.get("rule"))
        place = self._rules.place(line.node, rule)
        model = model_of(line, self._rules)
        if self._json:
            document = line_document(line, self._rules)
            document["model"] = {"agrees": model.agrees, "text": model.text, "place": model.place}
            typer.echo(encoder.dumps(document, ensure_ascii=False))
            return
        self._print(line, dropped(line))
        typer.echo(f"    rule   {rule}{f', {place}' if place else ''}")
        said = {True: "drops it, too", False: "LETS IT THROUGH", None: "cannot say"}[model.agrees]
        where = f" ({model.place})" if model.place else ""
        typer.echo(f"    model  {said}: {model.text}{where}")

    def _counters(self, line: Line) -> None:
        rose = self._teller.counted(line)
        now = line.fields.get("counters", {})
        counters = {n.removeprefix(_RULE): n for n in rose if n.startswith(_RULE)}
        if _SPOOFED in rose:
            counters[REVERSE_PATH] = _SPOOFED
        told = []
        for rule, counter in counters.items():
            count = rose[counter]
            key = (line.node, rule)
            if self._denies(line.node, rule):
                self._dropped[key] += count
            told.append((rule, count, now.get(counter), self._denies(line.node, rule)))
        self.counted = True
        if not told:
            return
        if self._json:
            document = line_document(line, self._rules)
            document["rose"] = {counters[rule]: count for rule, count, *_ in told}
            typer.echo(encoder.dumps(document, ensure_ascii=False))
            return
        for rule, count, total, denies in told:
            place = self._rules.place(line.node, rule)
            does = "drops" if denies else "permits"
            at = f" ({place})" if place else ""
            self._print(line, f"{counters[rule]} +{count}, now {total}: {does}{at}")

    def _denies(self, node: str, rule: str) -> bool:
        if rule == REVERSE_PATH:
            return True
        topology = self._rules.resolved
        policy = topology.nodes[node].policy if topology is not None else None
        if policy is None:
            return False
        for one in policy.rules:
            if one.name == rule:
                return one.action.value == "deny"
        return policy.default.value == "deny"

    def _print(self, line: Line, text: str) -> None:
        head = typer.style(f"{line.event:<8}", fg=typer.colors.YELLOW)
        typer.echo(f"{clock(line.time)} {line.node:<10} {head} {printable(text)}")
