"""The structural diff: what is declared otherwise, by identity and never by place in a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from topology.diff.entries import Entry, entries, show
from topology.diff.follows import follows
from topology.diff.order import moved_rules
from topology.diff.renames import Renames, find_renames
from topology.diff.types import Change, FieldChange, Place, StructureChange, Thing
from topology.diff.view import View

__all__ = ["structure"]

_RANK = {thing: rank for rank, thing in enumerate(Thing)}
_CHILDREN = {Thing.INTERFACE, Thing.ROUTE, Thing.RECORD, Thing.RESOURCE}
# What a file need not say and a reader need not be told of a thing that is new or gone.
_DEFAULTS: Mapping[str, object] = {
    "host": "local",
    "vcpus": 1,
    "dataplane": "kernel",
    "reverse path": "strict",
    "mtu": 1500,
    "log": False,
    "content": None,
}


def structure(old: View, new: View, renames: Renames | None = None) -> tuple[StructureChange, ...]:
    """Everything that is declared otherwise; equal topologies in other words give nothing."""
    known = find_renames(old, new) if renames is None else renames
    return tuple(sorted(_Structure(old, new, known).changes(), key=_order))


def _order(change: StructureChange) -> tuple[object, ...]:
    follows = change.change is Change.FOLLOWS
    return follows, _RANK[change.thing], change.name, change.change.value, change.was


class _Structure:
    """One comparison."""

    def __init__(self, old: View, new: View, renames: Renames) -> None:
        if old.resolved is None or new.resolved is None:
            # What is derived on one side would only seem to be gone on the other.
            old, new = replace(old, resolved=None), replace(new, resolved=None)
        self._old, self._new, self._renames = old, new, renames
        mine, theirs = _worth_a_look(old, new, renames)
        self._before = {e.identity: e for e in entries(old, renames, mine)}
        self._after = {e.identity: e for e in entries(new, Renames(), theirs)}

    def changes(self) -> Iterator[StructureChange]:
        before, after = self._before, self._after
        gone = [e for key, e in before.items() if key not in after]
        come = [e for key, e in after.items() if key not in before]
        for key, entry in after.items():
            if key in before:
                yield from self._both(before[key], entry)
        renamed = dict(self._pairs(gone, come, lambda e: e.owner))
        moved = dict(
            self._pairs(
                [e for e in gone if e.identity not in renamed],
                [e for e in come if e not in renamed.values()],
                lambda e: e.local,
            )
        )
        for pairs, change in ((renamed, Change.RENAMED), (moved, Change.MOVED)):
            for key, entry in pairs.items():
                yield self._paired(before[key], entry, change)
        settled = {e.identity for pairs in (renamed, moved) for e in pairs.values()}
        gone = [e for e in gone if e.identity not in renamed and e.identity not in moved]
        come = [e for e in come if e.identity not in settled]
        yield from self._attached_elsewhere(gone, come)
        yield from self._alone(gone, come)
        yield from self._zones()
        yield from moved_rules(self._old, self._new, self._renames)
        yield from follows(self._old, self._new, self._renames)

    def _both(self, old: Entry, new: Entry) -> Iterator[StructureChange]:
        differing = _fields(old, new)
        was = old.called if self._was_renamed(old, new) else ""
        if differing or was:
            yield StructureChange(
                new.thing,
                self._name(new),
                Change.RENAMED if was else Change.CHANGED,
                differing,
                was,
                old=self._old.place(old.path),
                new=self._new.place(new.path),
            )

    def _zones(self) -> Iterator[StructureChange]:
        """Zones of another name; one that is a segment's by its own name is renamed with it."""
        for was, now in self._renames.zones.items():
            if self._renames.segments.get(was) != now:
                yield StructureChange(
                    Thing.ZONE,
                    now,
                    Change.RENAMED,
                    was=was,
                    old=self._zone_place(self._old, was),
                    new=self._zone_place(self._new, now),
                )

    @staticmethod
    def _zone_place(view: View, zone: str) -> Place | None:
        segments = view.declared.segments.items()
        first = next((name for name, segment in segments if segment.zone == zone), None)
        return view.place(("segments", first)) if first is not None else None

    @staticmethod
    def _was_renamed(old: Entry, new: Entry) -> bool:
        whole = new.thing in (
            Thing.SEGMENT,
            Thing.NODE,
            Thing.SERVICE,
            Thing.POLICY,
            Thing.STATEMENT,
        )
        return whole and old.called != new.called

    @staticmethod
    def _pairs(
        gone: Sequence[Entry], come: Sequence[Entry], key: Callable[[Entry], str]
    ) -> Iterator[tuple[tuple[Thing, str, str], Entry]]:
        """What is gone with what came and says the same, where nothing else does."""
        there: dict[object, list[Entry]] = {}
        for entry in come:
            if entry.thing in (Thing.RULE, Thing.RECORD, Thing.RESOURCE):
                there.setdefault((entry.thing, key(entry), _key(entry)), []).append(entry)
        here: dict[object, list[Entry]] = {}
        for entry in gone:
            here.setdefault((entry.thing, key(entry), _key(entry)), []).append(entry)
        for same, entries_ in here.items():
            if len(entries_) == 1 and len(there.get(same, ())) == 1:
                yield entries_[0].identity, there[same][0]

    def _paired(self, old: Entry, new: Entry, change: Change) -> StructureChange:
        was = old.called if change is Change.RENAMED else self._name(old)
        return StructureChange(
            new.thing,
            self._name(new),
            change,
            was=was,
            old=self._old.place(old.path),
            new=self._new.place(new.path),
        )

    def _attached_elsewhere(
        self, gone: list[Entry], come: list[Entry]
    ) -> Iterator[StructureChange]:
        """A node that left one segment for another has moved: both entries are taken out."""
        left, joined = _interfaces(gone), _interfaces(come)
        for node, come_here in joined.items():
            gone_there = left.get(node, [])
            kept = (Thing.NODE, "", node) in self._before
            if not (kept and len(gone_there) == len(come_here) == 1):
                continue
            before, after = gone_there[0], come_here[0]
            gone.remove(before)
            come.remove(after)
            yield StructureChange(
                Thing.INTERFACE,
                self._name(after),
                Change.MOVED,
                _fields(before, after),
                was=self._name(before),
                old=self._old.place(before.path),
                new=self._new.place(after.path),
            )

    def _alone(self, gone: Sequence[Entry], come: Sequence[Entry]) -> Iterator[StructureChange]:
        owners = _address_owners(self._before.values())
        for side, alone, change in (
            (self._old, gone, Change.REMOVED),
            (self._new, come, Change.ADDED),
        ):
            whole = {e.local for e in alone if e.thing is Thing.NODE}
            policies = {e.local for e in alone if e.thing is Thing.POLICY}
            for entry in alone:
                if entry.thing in _CHILDREN and entry.owner in whole:
                    continue
                if entry.thing is Thing.RULE and entry.owner in policies:
                    continue
                place = side.place(entry.path)
                yield StructureChange(
                    entry.thing,
                    self._name(entry),
                    change,
                    tuple(_described(entry, alone, change)),
                    remark=_taken_over(entry, owners) if change is Change.ADDED else "",
                    old=place if change is Change.REMOVED else None,
                    new=place if change is Change.ADDED else None,
                )

    @staticmethod
    def _name(entry: Entry) -> str:
        return f"{entry.owner}/{entry.local}" if entry.owner else entry.local


def _interfaces(alone: Iterable[Entry]) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for entry in alone:
        if entry.thing is Thing.INTERFACE:
            found.setdefault(entry.owner, []).append(entry)
    return found


def _worth_a_look(old: View, new: View, renames: Renames) -> tuple[list[str], list[str]]:
    """The nodes of each side that are not plainly the same on the other."""
    mine, theirs = [], set(new.declared.nodes)
    whole = old.resolved is not None and new.resolved is not None
    for name, node in old.declared.nodes.items():
        heir = renames.node(name)
        same = heir == name and new.declared.nodes.get(name) == node
        if same and whole:
            assert old.resolved is not None
            assert new.resolved is not None
            same = old.resolved.nodes[name] == new.resolved.nodes[name]
        if same:
            theirs.discard(name)
        else:
            mine.append(name)
    return mine, sorted(theirs)


def _fields(old: Entry, new: Entry) -> tuple[FieldChange, ...]:
    names = dict.fromkeys((*old.fields, *new.fields))
    return tuple(
        FieldChange(name, show(old.fields.get(name)), show(new.fields.get(name)))
        for name in names
        if old.fields.get(name) != new.fields.get(name)
    )


def _key(entry: Entry) -> tuple[tuple[str, str], ...]:
    return tuple((name, show(value)) for name, value in entry.fields.items())


def _described(entry: Entry, alone: Iterable[Entry], change: Change) -> Iterator[FieldChange]:
    """What a thing is that is on one side only: its fields, and what belongs to it."""

    def told(name: str, text: str) -> FieldChange:
        return (
            FieldChange(name, text, "") if change is Change.REMOVED else FieldChange(name, "", text)
        )

    for name, value in entry.fields.items():
        if value is not None and value != _DEFAULTS.get(name) and name != "content":
            yield told(name, show(value))
    if entry.thing is Thing.NODE:
        for child in alone:
            if child.thing in _CHILDREN and child.owner == entry.local:
                values = [show(v) for n, v in child.fields.items() if v and n != "content"]
                yield told(f"{child.thing} {child.local}", "; ".join(values))
    if entry.thing is Thing.POLICY:
        for child in alone:
            if child.thing is Thing.RULE and child.owner == entry.local:
                yield told(f"rule {child.local}", rule_text(child))


def rule_text(entry: Entry) -> str:
    """A rule in one line."""
    fields = {name: show(value) for name, value in entry.fields.items()}
    return f"{fields['action']} {fields['service']} from {fields['from']} to {fields['to']}" + (
        ", logged" if entry.fields["log"] else ""
    )


def _address_owners(before: Iterable[Entry]) -> dict[str, str]:
    return {
        str(address): entry.owner
        for entry in before
        if entry.thing is Thing.INTERFACE
        for address in _values(entry.fields["addresses"])
    }


def _taken_over(entry: Entry, owners: Mapping[str, str]) -> str:
    if entry.thing is not Thing.INTERFACE:
        return ""
    was = [
        f"{address} was {owners[str(address)]}'s"
        for address in _values(entry.fields["addresses"])
        if owners.get(str(address), entry.owner) != entry.owner
    ]
    return ", ".join(was)


def _values(value: object) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else ()
