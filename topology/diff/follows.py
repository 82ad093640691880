"""What says the same and means something else, since what it names has changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from topology.diff.renames import Renames
from topology.diff.types import Change, FieldChange, StructureChange, Thing
from topology.diff.view import View
from topology.reach.space import service_names, services_of
from topology.resolve.names import ANY
from topology.resolve.types import DnsRecord, Endpoint, ResolvedNode, ResolvedRule

__all__ = ["follows"]

_SHOWN = 3


def follows(old: View, new: View, renames: Renames) -> Iterator[StructureChange]:
    """Rules, records and statements whose words are unchanged and whose meaning is not."""
    if old.resolved is None or new.resolved is None:
        return
    for name, node in old.resolved.nodes.items():
        heir = new.resolved.nodes.get(renames.node(name))
        if heir is None or node == heir:
            continue
        yield from _rules(old, new, renames, node, heir)
        yield from _records(node, heir)
    yield from _statements(old, new, renames)


def _rules(
    old: View, new: View, renames: Renames, node: ResolvedNode, heir: ResolvedNode
) -> Iterator[StructureChange]:
    if node.policy is None or heir.policy is None:
        return
    mine = {rule.name: rule for rule in node.policy.rules}
    said = {rule.name: rule for rule in old.declared.policies[node.policy.name].rules}
    says = {rule.name: rule for rule in new.declared.policies[heir.policy.name].rules}
    for rule in heir.policy.rules:
        before = mine.get(rule.name)
        if before is None or before == rule or said[rule.name] != says[rule.name]:
            continue
        fields = tuple(_rule_fields(before, rule, renames))
        if fields:
            places = [r.name for r in heir.policy.rules]
            yield StructureChange(
                Thing.RULE,
                f"{heir.policy.name}/{rule.name}",
                Change.FOLLOWS,
                fields,
                remark=f"at {heir.name}",
                new=new.place(("policies", heir.policy.name, "rules", places.index(rule.name))),
            )


def _rule_fields(old: ResolvedRule, new: ResolvedRule, renames: Renames) -> Iterator[FieldChange]:
    for field, mine, theirs in (
        ("from", old.sources, new.sources),
        ("to", old.destinations, new.destinations),
    ):
        before = [_endpoint(e, renames) for e in mine]
        after = [_endpoint(e, Renames()) for e in theirs]
        yield from _difference(field, before, after)
    if old.matches != new.matches:
        was, now = (service_names(services_of(rule.matches)) for rule in (old, new))
        yield FieldChange("service", ", ".join(was), ", ".join(now))


def _endpoint(endpoint: Endpoint, renames: Renames) -> str:
    if endpoint.interface is not None:
        return f"interface {renames.segment(endpoint.interface)}"
    prefix = endpoint.prefix
    assert prefix is not None
    return str(prefix.network_address) if prefix.num_addresses == 1 else str(prefix)


def _records(node: ResolvedNode, heir: ResolvedNode) -> Iterator[StructureChange]:
    """Addresses and pointers on the wire whose names are declared as they were."""
    mine, theirs = set(_wire(node)), set(_wire(heir))
    gone: dict[tuple[str, str], list[str]] = {}
    come: dict[tuple[str, str], list[str]] = {}
    for records, found in ((mine - theirs, gone), (theirs - mine, come)):
        for record in sorted(records, key=lambda r: (r.name, r.type, r.data)):
            found.setdefault((record.name, record.type), []).append(record.data)
    for name, kind in sorted(gone.keys() & come.keys()):
        before, after = ", ".join(gone[name, kind]), ", ".join(come[name, kind])
        yield StructureChange(
            Thing.RECORD,
            f"{heir.name}/{name}",
            Change.FOLLOWS,
            (FieldChange(kind, before, after),),
        )


def _wire(node: ResolvedNode) -> Iterator[DnsRecord]:
    for zone in node.zones:
        yield from zone.records


def _statements(old: View, new: View, renames: Renames) -> Iterator[StructureChange]:
    """Statements that speak of other nodes than before; those that say so alike are told once."""
    assert old.resolved is not None
    assert new.resolved is not None
    alike: dict[tuple[FieldChange, ...], list[str]] = {}
    for name, statement in new.resolved.statements.items():
        before, said = old.resolved.statements.get(name), new.declared.statements[name]
        # Equal ones are mostly the same object; each may name thousands of nodes.
        if before is None or before is statement or old.declared.statements[name] != said:
            continue
        fields = [
            change
            for field, selectors, was, now in (
                ("from", said.sources, before.sources, statement.sources),
                ("to", said.destinations, before.destinations, statement.destinations),
            )
            # That everything has something new in it is no news.
            if ANY not in selectors and was != now
            for change in _difference(field, map(renames.node, was), now)
        ]
        if fields:
            alike.setdefault(tuple(fields), []).append(name)
    for differing, names in alike.items():
        rest = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        yield StructureChange(
            Thing.STATEMENT,
            ", ".join(names[:_SHOWN]) + rest,
            Change.FOLLOWS,
            differing,
            new=new.place(("statements", names[0])),
        )


def _difference(field: str, old: Iterable[str], new: Iterable[str]) -> Iterator[FieldChange]:
    """What one list has and the other has not."""
    before, after = dict.fromkeys(old), dict.fromkeys(new)
    gone = [item for item in before if item not in after]
    come = [item for item in after if item not in before]
    if gone or come:
        yield FieldChange(field, ", ".join(gone), ", ".join(come))
