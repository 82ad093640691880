"""A diff as a comment on a pull request: tables, folds, a picture, bounded in length."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from topology.diff.types import (
    Action,
    DeploymentDiff,
    Diff,
    FlowDiff,
    Place,
    StatementChange,
    StructureChange,
    Verdict,
)
from topology.render.diff.escape import code, html_text, plain
from topology.render.diff.words import (
    diagnostic_lines,
    headline,
    interruption_text,
    merged_deployments,
    node_text,
    reason_text,
    structure_lines,
    verdict_text,
)

__all__ = ["LONGEST", "diff_markdown", "marker"]

LONGEST = 60_000
"""Characters; GitHub takes 65,536 in a comment, GitLab more."""

_CAPS = (400, 100, 30, 10, 3)
_SAID = 3


def marker(topology: str) -> str:
    """The comment in HTML by which a later run finds the comment that it made."""
    return f"<!-- topology-diff {re.sub(r'[^A-Za-z0-9._-]', '_', topology)} -->"


def diff_markdown(diff: Diff, picture: str = "", longest: int = LONGEST) -> str:
    """The diff in at most `longest` characters: rows are left out, counted, before sections.

    `picture` is Mermaid's text. Foreign text stands in code spans, where nothing is markup.
    """
    text = ""
    for cap in _CAPS:
        for drawn in (picture, "") if picture else ("",):
            text = "\n".join(_Comment(diff, drawn, cap).lines()) + "\n"
            if len(text) <= longest:
                return text
    end = "\n\n… cut: run `topology diff` for the whole of it.\n"
    return text[: longest - len(end)].rpartition("\n")[0] + end


@dataclass(frozen=True, slots=True)
class _Comment:
    """One rendering, with at most `cap` rows in a table and twelve names in a cell."""

    diff: Diff
    picture: str
    cap: int

    def lines(self) -> Iterator[str]:
        diff = self.diff
        yield marker(diff.topology)
        yield f"### Topology {code(diff.topology)}: {code(diff.old)} → {code(diff.new)}"
        yield ""
        for phrase in headline(diff):
            yield f"- {_phrase(phrase)}"
        for note in diff.notes:
            yield f"- note: {code(note)}"
        yield ""
        mistakes = diagnostic_lines(diff)
        if mistakes:
            yield "#### Diagnostics"
            yield ""
            yield from self._capped([f"- {code(line)}" for line in mistakes])
            yield ""
        yield from self._flows(diff.flows)
        yield from self._deployments(diff.deployments)
        yield from self._statements(diff.statements)
        yield from self._structure(diff.structure)
        if self.picture:
            body = ["```mermaid", *self.picture.rstrip("\n").split("\n"), "```"]
            yield from _fold("Picture", body)

    def _flows(self, flows: tuple[FlowDiff, ...] | None) -> Iterator[str]:
        yield "#### Flows"
        yield ""
        if flows is None:
            yield "Not compared: a side is invalid."
        elif not flows:
            yield "No flow opens, closes or takes another path."
        else:
            rows = [
                (
                    f"{one.change.symbol} {one.change.value}",
                    self._codes(one.sources),
                    self._codes(one.destinations),
                    self._codes(one.services),
                    _decided(one.old, one.old_at),
                    _decided(one.new, one.new_at),
                )
                for one in flows
            ]
            yield from self._table(("", "from", "to", "service", "was", "now"), rows)
            packets = [f"- {one.change.value}: {code(one.packet)}" for one in flows if one.packet]
            if packets:
                yield ""
                yield from _fold("A packet of each", self._capped(packets))
        yield ""

    def _deployments(self, deployments: tuple[DeploymentDiff, ...]) -> Iterator[str]:
        yield "#### Deployment"
        yield ""
        if not deployments:
            yield "Not compared."
            yield ""
        for deployment, variants in merged_deployments(deployments):
            yield f"**{variants}**"
            yield ""
            if deployment.problem:
                yield from (f"- {code(line)}" for line in deployment.problem.splitlines())
                yield ""
                continue
            yield from self._deployment(deployment)

    def _deployment(self, deployment: DeploymentDiff) -> Iterator[str]:
        rows = [
            (
                f"`{one.action.symbol}`",
                f"network {code(one.segment)}",
                one.action.value + "d" if one.action is not Action.DESTROY else "destroyed",
                self._reasons([reason_text(reason) for reason in one.reasons]),
            )
            for one in deployment.segments
            if one.action is not Action.KEEP
        ]
        rows += [
            (
                f"`{one.action.symbol}`",
                f"{code(one.node)} ({one.kind})",
                node_text(one),
                self._reasons([reason_text(reason) for reason in one.reasons]),
            )
            for one in deployment.nodes
            if one.action is not Action.KEEP
        ]
        if rows:
            yield from self._table(("", "what", "happens", "because"), rows)
            yield ""
        kept = deployment.names(Action.KEEP)
        if kept:
            yield f"Untouched: {self._codes(kept)}."
            yield ""
        if deployment.interruptions:
            yield "Interruption expected:"
            yield ""
            for one in deployment.interruptions[: self.cap]:
                yield f"- {'; '.join(map(_phrase, interruption_text(one)))}"
            yield from self._rest(len(deployment.interruptions))
            yield ""
        if deployment.steps:
            steps = [
                f"{number}. {step.what}: {self._codes(step.names)}"
                for number, step in enumerate(deployment.steps, 1)
            ]
            yield from _fold("Order", steps)

    def _statements(self, statements: tuple[StatementChange, ...] | None) -> Iterator[str]:
        yield "#### Statements"
        yield ""
        if statements is None:
            yield "Not compared: a side is invalid."
            yield ""
            return
        kept = (Verdict.HOLDS, Verdict.SAME)
        told = [one for one in statements if not (one.old is one.new and one.new in kept)]
        rows = [
            (
                f"**{verdict_text(one)}**" if one.new is Verdict.BROKEN else verdict_text(one),
                code(one.name),
                code(one.says),
                code(one.packet),
                "<br>".join(
                    part
                    for part in (code(one.because), " → ".join(map(code, one.path)), _at(one.place))
                    if part
                ),
            )
            for one in told
        ]
        if rows:
            yield from self._table(("", "statement", "says", "packet", "why"), rows)
            yield ""
        held = [one.name for one in statements if one.old is one.new is Verdict.HOLDS]
        if held:
            yield f"Held before and after: {self._codes(held)}."
        same = sum(one.new is Verdict.SAME for one in statements)
        if same:
            yield f"Out of the change's reach and not proved again: {same}."
        if not (rows or held or same):
            yield "None are made."
        yield ""

    def _structure(self, changes: tuple[StructureChange, ...]) -> Iterator[str]:
        yield "#### Structure"
        yield ""
        if not changes:
            yield "The same."
            yield ""
            return
        rows = [
            (
                f"`{one.change.symbol}`",
                f"{one.thing.value} {code(one.name)}",
                one.change.value + (f" (was {code(one.was)})" if one.was else ""),
                self._reasons([*structure_lines(one), *([one.remark] if one.remark else [])]),
                "<br>".join(filter(None, (_at(one.old), _at(one.new)))),
            )
            for one in changes
        ]
        count = len(changes)
        table = list(self._table(("", "what", "happens", "how", "where"), rows))
        yield from _fold(f"{count} change{'' if count == 1 else 's'}", table)

    def _table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
        yield f"| {' | '.join(head)} |"
        yield "|" + " --- |" * len(head)
        for row in rows[: self.cap]:
            yield f"| {' | '.join(row)} |"
        yield from self._rest(len(rows))

    def _rest(self, count: int) -> Iterator[str]:
        if count > self.cap:
            yield ""
            yield f"… and {count - self.cap} more"

    def _capped(self, lines: Sequence[str]) -> list[str]:
        return [*lines[: self.cap], *self._rest(len(lines))]

    def _codes(self, names: Sequence[str]) -> str:
        most = min(12, self.cap)
        rest = len(names) - most
        shown = ", ".join(map(code, names[:most]))
        return shown + (f" and {rest} more" if rest > 0 else "")

    def _reasons(self, texts: Sequence[str]) -> str:
        most = max(_SAID, min(12, self.cap // 10))
        shown = list(map(code, texts[:most]))
        if len(texts) > most:
            shown.append(f"and {len(texts) - most} more")
        return "<br>".join(shown)


def _fold(title: str, body: Iterable[str]) -> Iterator[str]:
    yield f"<details><summary>{html_text(title)}</summary>"
    yield ""
    yield from body
    yield ""
    yield "</details>"
    yield ""


def _decided(said: str, place: Place | None) -> str:
    return "<br>".join(filter(None, (code(said), _at(place))))


def _at(place: Place | None) -> str:
    return code(str(place)) if place is not None else ""


def _phrase(text: str) -> str:
    """One of our own phrases, in which only names are foreign: tamed, not fenced."""
    return re.sub(r"([\\`*_\[\]<>&|~#@!$])", lambda m: f"&#{ord(m[0])};", plain(text))
