"""A grammar of edits that a person makes to the proof of concept, for properties and for truth.

An edit is a function on the plain document of a topology; drawn ones are applied one after the
other, and only what is still a valid topology counts.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any, TypeAlias

import yaml
from hypothesis import strategies as st

from tests.support.golden import PROJECT
from topology.pipeline import resolve_topology
from topology.sides.read import Side, text_side

__all__ = ["Document", "base_document", "edited", "edits", "side_of", "text_of"]

Document: TypeAlias = dict[str, Any]
_Edit: TypeAlias = Callable[[Document], None]

_SERVICES = ("http", "dns", "echo", "tcp/443", "udp/123", "any")
_ENDS = ("outside", "dmz", "web", "dns", "transit", "any", "192.0.2.0/25")


def base_document() -> Document:
    """The proof of concept, plain; no value in it is one that YAML 1.1 reads otherwise."""
    document: Document = yaml.safe_load((PROJECT / "poc.yaml").read_text())
    return document


def text_of(document: Document) -> str:
    """The document as a file."""
    return yaml.safe_dump(document, sort_keys=False)


def side_of(document: Document, label: str) -> Side:
    """The document as a side of a diff."""
    return text_side(text_of(document), label, PROJECT)


def _rules(document: Document) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = document["policies"]["edge"]["rules"]
    return rules


def _address(node: str, host: int) -> _Edit:
    def edit(document: Document) -> None:
        declared = document["nodes"][node]["interfaces"]
        for segment, prefix in (("servers", "203.0.113"), ("transit", "198.51.100")):
            if segment in declared:
                declared[segment][0] = f"{prefix}.{host}"

    return edit


def _memory(node: str, mebibytes: int) -> _Edit:
    return lambda document: document["nodes"][node].update(memory=mebibytes)


def _vcpus(node: str, count: int) -> _Edit:
    return lambda document: document["nodes"][node].update(vcpus=count)


def _mtu(segment: str, mtu: int) -> _Edit:
    return lambda document: document["segments"][segment].update(mtu=mtu)


def _zone(segment: str, zone: str) -> _Edit:
    return lambda document: document["segments"][segment].update(zone=zone)


def _record(label: str, target: str) -> _Edit:
    return lambda document: document["nodes"]["dns"]["records"]["poc.example"].update(
        {label: target}
    )


def _text(label: str, text: str) -> _Edit:
    return lambda document: document["nodes"]["dns"]["records"]["poc.example"].update(
        {label: {"txt": text}}
    )


def _service(name: str, matches: list[str]) -> _Edit:
    return lambda document: document["services"].update({name: matches})


def _default(action: str) -> _Edit:
    return lambda document: document["policies"]["edge"].update(default=action)


def _stateful(wanted: bool) -> _Edit:
    return lambda document: document["policies"]["edge"].update(stateful=wanted)


def _content(folder: str | None) -> _Edit:
    def edit(document: Document) -> None:
        document["nodes"]["web"].pop("content", None)
        if folder is not None:
            document["nodes"]["web"]["content"] = folder

    return edit


def _dataplane(node: str) -> _Edit:
    return lambda document: document["nodes"][node].update(dataplane="shared")


def _rule_added(place: int, action: str, service: str, source: str, target: str) -> _Edit:
    def edit(document: Document) -> None:
        rules = _rules(document)
        name = f"added-{len(rules)}"
        rules.insert(place, {"name": name, action: service, "from": source, "to": target})

    return edit


def _rule_removed(place: int) -> _Edit:
    def edit(document: Document) -> None:
        rules = _rules(document)
        del rules[place % len(rules)]

    return edit


def _rule_moved(place: int, to: int) -> _Edit:
    def edit(document: Document) -> None:
        rules = _rules(document)
        rules.insert(to, rules.pop(place % len(rules)))

    return edit


def _rule_changed(place: int, key: str, value: object) -> _Edit:
    def edit(document: Document) -> None:
        rules = _rules(document)
        rules[place % len(rules)][key] = value

    return edit


def _node_added(name: str, segment: str) -> _Edit:
    return lambda document: document["nodes"].update(
        {name: {"kind": "web", "interfaces": [segment]}}
    )


def _node_renamed(document: Document) -> None:
    if "web" in document["nodes"]:
        renamed = yaml.safe_load(text_of(document).replace("web", "shop"))
        document.clear()
        document.update(renamed)
        document["nodes"]["shop"]["kind"] = "web"
        document["nodes"]["shop"].pop("content", None)


def _reordered(document: Document) -> None:
    for section in ("segments", "nodes", "statements", "services"):
        document[section] = dict(reversed(document[section].items()))


def _statement(name: str, service: str, source: str, target: str) -> _Edit:
    return lambda document: document["statements"].update(
        {name: {"isolate": service, "from": source, "to": target}}
    )


def _segment_added(document: Document) -> None:
    document["segments"]["vault"] = {"prefixes": ["10.9.0.0/24"]}
    document["nodes"]["router"]["interfaces"]["vault"] = ["10.9.0.1"]
    document["nodes"]["safe"] = {"kind": "web", "interfaces": ["vault"]}


_NODES = st.sampled_from(("web", "dns", "router", "firewall"))
_place = st.integers(0, 3)

edits: st.SearchStrategy[_Edit] = st.one_of(
    st.builds(_address, st.sampled_from(("web", "dns", "router")), st.integers(90, 99)),
    st.builds(_memory, _NODES, st.sampled_from((24, 32))),
    st.builds(_vcpus, _NODES, st.just(2)),
    st.builds(_mtu, st.sampled_from(("external", "transit", "servers")), st.sampled_from((1400,))),
    st.builds(_zone, st.just("transit"), st.sampled_from(("between", "middle"))),
    st.builds(_record, st.sampled_from(("shop", "www", "mail")), st.sampled_from(("web", "dns"))),
    st.builds(_text, st.sampled_from(("note", "spf")), st.sampled_from(("v=1", "<b>|`"))),
    st.builds(_service, st.just("http"), st.just(["tcp/80", "tcp/8080"])),
    st.builds(_default, st.sampled_from(("permit", "deny"))),
    st.builds(_stateful, st.booleans()),
    st.builds(_content, st.sampled_from((None, "content/web", "examples/open"))),
    st.builds(_dataplane, st.sampled_from(("router", "firewall"))),
    st.builds(
        _rule_added,
        _place,
        st.sampled_from(("permit", "deny")),
        st.sampled_from(_SERVICES),
        st.sampled_from(_ENDS),
        st.sampled_from(_ENDS),
    ),
    st.builds(_rule_removed, _place),
    st.builds(_rule_moved, _place, _place),
    st.builds(_rule_changed, _place, st.just("log"), st.booleans()),
    st.builds(_rule_changed, _place, st.sampled_from(("from", "to")), st.sampled_from(_ENDS)),
    st.builds(_rule_changed, _place, st.just("name"), st.sampled_from(("one", "two"))),
    st.builds(
        _node_added,
        st.sampled_from(("web2", "page")),
        st.sampled_from(("servers", "transit")),
    ),
    st.just(_node_renamed),
    st.just(_reordered),
    st.just(_segment_added),
    st.builds(
        _statement,
        st.just("extra"),
        st.sampled_from(_SERVICES),
        st.just("dmz"),
        st.sampled_from(("outside", "transit")),
    ),
)
"""Every edit of the grammar."""


def edited(document: Document, drawn: list[_Edit]) -> Document | None:
    """The document after the edits, `None` where that is no valid topology."""
    from topology.load import load_text

    result = deepcopy(document)
    for edit in drawn:
        try:
            edit(result)
        except (KeyError, ValueError, ZeroDivisionError):
            return None
    loaded = load_text(text_of(result))
    if loaded.topology is None or resolve_topology(loaded.topology, PROJECT)[0] is None:
        return None
    return result
