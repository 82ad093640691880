"""A topology as lines that git can compare: every thing at its place, whatever its file's order."""

from __future__ import annotations

from collections.abc import Iterator

from topology.diff.entries import Entry, entries, show
from topology.diff.renames import Renames
from topology.diff.types import Thing
from topology.diff.view import View
from topology.render.diff.escape import plain

__all__ = ["canonical_text"]

_RANK = {thing: rank for rank, thing in enumerate(Thing)}
_OWNED = {Thing.INTERFACE, Thing.ROUTE, Thing.RECORD, Thing.RESOURCE, Thing.RULE}


def canonical_text(view: View) -> str:
    """What a side declares: a heading for each thing, a line for each of its fields.

    Rules stand in their order, everything else by name; what a file leaves out is left out.
    """
    every = list(entries(view, Renames(), sorted(view.declared.nodes)))
    owned: dict[str, list[Entry]] = {}
    for entry in every:
        if entry.thing in _OWNED:
            owned.setdefault(entry.owner, []).append(entry)
    heads = sorted(
        (entry for entry in every if entry.thing not in _OWNED),
        key=lambda entry: (_RANK[entry.thing], entry.local),
    )
    lines = [line for head in heads for line in _thing(head, owned)]
    return "\n".join(map(plain, lines)) + "\n"


def _thing(head: Entry, owned: dict[str, list[Entry]]) -> Iterator[str]:
    yield f"{head.thing.value} {head.local}".rstrip()
    yield from (f"  {name}: {show(value)}" for name, value in head.fields.items() if value)
    if head.thing not in (Thing.NODE, Thing.POLICY):
        return
    wanted = {Thing.RULE} if head.thing is Thing.POLICY else _OWNED - {Thing.RULE}
    inner = [entry for entry in owned.get(head.local, ()) if entry.thing in wanted]
    for entry in sorted(inner, key=lambda one: (_RANK[one.thing], one.order, one.local)):
        fields = "; ".join(f"{name} {show(v)}" for name, v in entry.fields.items() if v)
        yield f"  {entry.thing.value} {entry.local}: {fields}"
