"""Statements on both sides: held, newly broken, mended, new, no longer made."""

from __future__ import annotations

from collections.abc import Iterator

from topology.diff.affected import Affected
from topology.diff.entries import statement_text
from topology.diff.renames import Renames
from topology.diff.scope import Scope
from topology.diff.types import StatementChange, Verdict
from topology.diff.view import View
from topology.reach import verdict as proof
from topology.reach.network import Network
from topology.reach.statements import Prover
from topology.reach.story import deciding

__all__ = ["statement_changes"]

_PROVED = 400
"""Statements that the difference cannot reach and that are proved for all that."""


def statement_changes(
    old: View, new: View, renames: Renames, networks: tuple[Network, Network], scope: Scope
) -> tuple[StatementChange, ...]:
    """Every statement of either side, with its verdict on both; broken ones with a packet."""
    return tuple(sorted(_changes(old, new, renames, networks, scope), key=lambda one: one.name))


def _changes(
    old: View, new: View, renames: Renames, networks: tuple[Network, Network], scope: Scope
) -> Iterator[StatementChange]:
    before, after = (Prover(network) for network in networks)
    differing = Prover(networks[1], limit=scope.sent_by)
    one, other = (network.topology.statements for network in networks)
    former = {renames.statements.get(name, name): name for name in one}
    affected = Affected(*networks, renames, scope)
    same = {n for n in other if n in former and not affected(one[former[n]], other[n])}
    told_only = same if len(same) > _PROVED else set()
    # The old side first: what it has worked out serves the new one.
    was = {
        name: _word(before.verdict(one[own]))
        for name, own in former.items()
        if name not in other or name not in same
    }
    networks[1].learn(networks[0])
    for name, statement in other.items():
        if name in told_only:
            text = statement_text(new.declared.statements[name])
            yield StatementChange(name, text, Verdict.SAME, Verdict.SAME)
            continue
        verdict = None
        if was.get(name) is Verdict.HOLDS and affected.within_scope(one[former[name]], statement):
            verdict = differing.verdict(statement)
        if verdict is None or not verdict.holds:
            verdict = after.verdict(statement)
        now = _word(verdict)
        # What cannot differ was, before, what it is now.
        earlier = Verdict.ABSENT if name not in former else was.get(name, now)
        yield _told(new, networks[1], verdict, name, earlier, now)
    for name, own in former.items():
        if name not in other:
            text = statement_text(old.declared.statements[own])
            place = old.place(("statements", own))
            yield StatementChange(own, text, was[name], Verdict.ABSENT, place=place)


def _word(verdict: proof.Verdict) -> Verdict:
    return Verdict.HOLDS if verdict.holds else Verdict.BROKEN


def _told(
    view: View, network: Network, verdict: proof.Verdict, name: str, old: Verdict, new: Verdict
) -> StatementChange:
    said = statement_text(view.declared.statements[name])
    place = view.place(("statements", name))
    if verdict.broken is None or new is Verdict.ABSENT:
        return StatementChange(name, said, old, new, place=place)
    because, walked = verdict.summary, verdict.broken.trace
    if walked is None:
        return StatementChange(name, said, old, new, because, place=place)
    told = deciding(walked, network.topology, view.declared)
    if told is not None:
        at = view.place(told.path) if told.path else None
        because += f"; {told.node}: {told.text}" + (f" [{at}]" if at else "")
    return StatementChange(name, said, old, new, because, str(walked.packet), walked.nodes, place)
