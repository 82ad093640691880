"""Statements on both sides: held, newly broken, mended, new, no longer made."""

from __future__ import annotations

from collections.abc import Iterator

from topology.diff.entries import statement_text
from topology.diff.renames import Renames
from topology.diff.types import StatementChange, Verdict
from topology.diff.view import View
from topology.reach import verdict as proof
from topology.reach.network import Network
from topology.reach.statements import Prover
from topology.reach.story import deciding

__all__ = ["statement_changes"]


def statement_changes(
    old: View, new: View, renames: Renames, networks: tuple[Network, Network]
) -> tuple[StatementChange, ...]:
    """Every statement of either side, with its verdict on both; broken ones with a packet."""
    return tuple(sorted(_changes(old, new, renames, networks), key=lambda one: one.name))


def _changes(
    old: View, new: View, renames: Renames, networks: tuple[Network, Network]
) -> Iterator[StatementChange]:
    before, after = (Prover(network) for network in networks)
    former = {renames.statements.get(name, name): name for name in old.declared.statements}
    for name, statement in networks[1].topology.statements.items():
        verdict = after.verdict(statement)
        was = Verdict.ABSENT
        if name in former:
            was = _word(before.verdict(networks[0].topology.statements[former[name]]))
        yield _told(new, networks[1], verdict, name, was, _word(verdict))
    for name, own in former.items():
        if name not in networks[1].topology.statements:
            verdict = before.verdict(networks[0].topology.statements[own])
            yield _told(old, networks[0], verdict, own, _word(verdict), Verdict.ABSENT)


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
