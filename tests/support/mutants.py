"""Mutants: a topology with one rule, route or record changed as somebody might by mistake."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from topology.diagnostics import Code, Severity
from topology.model import Topology
from topology.pipeline import resolve_topology
from topology.reach.flows import FlowSet
from topology.reach.network import Network
from topology.reach.policy import permitted
from topology.reach.statements import prove
from topology.resolve.types import ResolvedTopology


@dataclass(frozen=True, slots=True)
class Mutant:
    """A changed document, and what was changed in it."""

    name: str
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a mutant: who caught it, or that nothing distinguishes it."""

    caught: tuple[str, ...]
    equivalent: bool


def document_of(file: Path) -> dict[str, Any]:
    # No dates, no merge keys, no bools that are not: what the loader reads is plain YAML here.
    loaded: dict[str, Any] = yaml.safe_load(file.read_text())
    return loaded


def mutants(document: dict[str, Any]) -> Iterator[Mutant]:
    """Every mutant of a document's rules, routes and records, one change each."""
    yield from _rules(document)
    yield from _routes(document)
    yield from _records(document)


def _changed(document: dict[str, Any], name: str) -> tuple[dict[str, Any], str]:
    return copy.deepcopy(document), name


def _rules(document: dict[str, Any]) -> Iterator[Mutant]:
    for policy, declared in document.get("policies", {}).items():
        rules = declared.get("rules", [])
        for index, rule in enumerate(rules):
            base = f"{policy}.{rule['name']}"
            action = "permit" if "permit" in rule else "deny"
            other = "deny" if action == "permit" else "permit"
            changes: dict[str, dict[str, Any] | None] = {
                "removed": None,
                "flipped": {**{k: v for k, v in rule.items() if k != action}, other: rule[action]},
                "any service": {**rule, action: "any"},
                "from any": {**rule, "from": "any"},
                "to any": {**rule, "to": "any"},
                "swapped": {**rule, "from": rule["to"], "to": rule["from"]},
            }
            for what, changed in changes.items():
                if changed == rule:
                    continue
                copied = copy.deepcopy(document)
                copied["policies"][policy]["rules"][index : index + 1] = (
                    [] if changed is None else [changed]
                )
                yield Mutant(f"{base} {what}", copied)
            if index:
                copied = copy.deepcopy(document)
                moved = copied["policies"][policy]["rules"]
                moved.insert(0, moved.pop(index))
                yield Mutant(f"{base} first", copied)
        for key, values in (("default", ("permit", "deny")), ("stateful", (False, True))):
            for value in values:
                usual = "deny" if key == "default" else True
                if declared.get(key, usual) != value:
                    copied = copy.deepcopy(document)
                    copied["policies"][policy][key] = value
                    yield Mutant(f"{policy} {key} {value}", copied)


def _routes(document: dict[str, Any]) -> Iterator[Mutant]:
    nodes = document["nodes"]
    for name, node in nodes.items():
        for destination, hop in (node.get("routes") or {}).items():
            copied = copy.deepcopy(document)
            del copied["nodes"][name]["routes"][destination]
            yield Mutant(f"{name} route {destination} removed", copied)
            beside = [
                other
                for other, theirs in nodes.items()
                if other not in (name, hop)
                and theirs["kind"] in ("router", "firewall")
                and set(theirs["interfaces"]) & set(node["interfaces"])
            ]
            for other in beside:
                copied = copy.deepcopy(document)
                copied["nodes"][name]["routes"][destination] = other
                yield Mutant(f"{name} route {destination} by {other}", copied)


def _records(document: dict[str, Any]) -> Iterator[Mutant]:
    for server, node in document["nodes"].items():
        for zone, records in node.get("records", {}).items():
            for label, record in records.items():
                copied = copy.deepcopy(document)
                del copied["nodes"][server]["records"][zone][label]
                yield Mutant(f"{label}.{zone} removed", copied)
                holders = record.get("nodes") if isinstance(record, dict) else record
                if holders is None:
                    continue
                for other in document["nodes"]:
                    if other != holders:
                        copied = copy.deepcopy(document)
                        changed = {**record, "nodes": other} if isinstance(record, dict) else other
                        copied["nodes"][server]["records"][zone][label] = changed
                        yield Mutant(f"{label}.{zone} is {other}", copied)


def fate(original: ResolvedTopology, mutant: Mutant, base: Path) -> Fate:
    """Who catches a mutant: codes of new diagnostics, names of statements that no longer hold."""
    resolved, diagnostics = resolve_topology(Topology.model_validate(mutant.document), base)
    told = tuple(sorted({d.code.name for d in diagnostics if d.severity is not Severity.REMARK}))
    if resolved is None:
        return Fate(told, equivalent=False)
    broken = tuple(verdict.statement.name for verdict in prove(Network(resolved)).broken)
    assert Code.STATEMENT_BROKEN.name not in told
    return Fate((*told, *broken), equivalent=_alike(original, resolved))


def _alike(one: ResolvedTopology, other: ResolvedTopology) -> bool:
    """Whether no packet and no question for a name can tell two topologies apart."""
    return all(
        (mine.routes, mine.zones, _filter(one, name))
        == (its.routes, its.zones, _filter(other, name))
        for name, mine in one.nodes.items()
        for its in (other.nodes[name],)
    )


def _filter(topology: ResolvedTopology, name: str) -> list[FlowSet]:
    node = topology.nodes[name]
    if node.policy is None:
        return []
    segments = [interface.segment for interface in node.interfaces]
    return [permitted(node.policy, i, e) for i in segments for e in (*segments, None)]
