"""What the model refuses, in the words of somebody who writes a topology."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, Tag, ValidationError
from pydantic_core import ErrorDetails

from topology.diagnostics import Code, Diagnostic, Path, Subject, did_you_mean
from topology.model import Kind, StatementKind, Topology

__all__ = ["NOT_SUPPORTED", "diagnostics_of"]

NOT_SUPPORTED = {
    "bgp": "dynamic routing",
    "dhcp": "DHCP",
    "dnat": "NAT",
    "isis": "dynamic routing",
    "masquerade": "NAT",
    "nat": "NAT",
    "ospf": "dynamic routing",
    "rip": "dynamic routing",
    "snat": "NAT",
    "trunk": "VLAN",
    "tunnel": "tunnel",
    "vlan": "VLAN",
    "vlans": "VLAN",
    "vpn": "tunnel",
    "vrrp": "failover",
    "wireguard": "tunnel",
}
"""Keys that people expect of a network and that this engine does not have, and what they are."""

_INSTEAD = {
    "NAT": "give the node an address that its peers route to",
    "VLAN": "declare one segment for each VLAN",
    "dynamic routing": "write routes, or leave them out to have them derived",
    "DHCP": "leave the address out to have it derived",
}

_FORMS = {
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "int_type": "a whole number",
    "list_type": "a list",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "string_type": "text",
    "tuple_type": "a list",
    "model_attributes_type": "a mapping",
}


def diagnostics_of(error: ValidationError) -> list[Diagnostic]:
    """Every mistake that `error` holds, with paths still to be located in a file."""
    return [_diagnostic(item) for item in error.errors(include_url=False)]


def _diagnostic(error: ErrorDetails) -> Diagnostic:
    kind, path = error["type"], tuple(error["loc"])
    if path[-1:] == ("[key]",):
        return _refused(error, Subject(path[:-1], on_key=True))
    if kind == "extra_forbidden":
        return _unknown_key(path)
    if kind == "missing":
        parent = Subject(path[:-1], on_key=True)
        return Diagnostic(
            Code.MISSING_KEY,
            f"`{_shown(path[-1])}` is missing",
            parent,
            hint=f"add `{_shown(path[-1])}: …`",
        )
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _untagged(error, path)
    if kind in _FORMS:
        found = _found(error["input"])
        return Diagnostic(Code.WRONG_TYPE, f"expected {_FORMS[kind]}, found {found}", Subject(path))
    return _refused(error, Subject(path))


def _refused(error: ErrorDetails, subject: Subject) -> Diagnostic:
    """A value that has the right type; our own errors carry their hint."""
    codes = {"bad_name": Code.BAD_NAME, "bad_type": Code.WRONG_TYPE, "bad_dns_name": Code.BAD_NAME}
    code = codes.get(error["type"], Code.BAD_VALUE)
    hint = str(error.get("ctx", {}).get("hint", ""))
    message = error["msg"].removeprefix("Input ").replace("Tuple should have", "should have")
    if error["type"].startswith("bad_"):
        return Diagnostic(code, message, subject, hint=hint)
    if error["type"] in ("too_short", "too_long"):
        message = "this is empty" if error["type"] == "too_short" else "this is too long"
        return Diagnostic(code, message, subject, hint=hint)
    return Diagnostic(code, f"this value {message}", subject, hint=hint)


def _unknown_key(path: Path) -> Diagnostic:
    key, subject = _shown(path[-1]), Subject(path, on_key=True)
    what = NOT_SUPPORTED.get(key.lower())
    if what is not None:
        return Diagnostic(
            Code.NOT_SUPPORTED,
            f"`{key}` is not supported: there is no {what} here",
            subject,
            "The engine refuses what it cannot prove and deploy, and ignores nothing.",
            _INSTEAD.get(what, "remove it"),
        )
    models = list(_models(Topology, path[:-1]))
    known = {name for model in models for name in _keys(model)}
    others = _kinds_with(key) if path[:1] == ("nodes",) and len(path) == 4 else []
    if others:
        hint = f"only a node of kind {' or '.join(others)} has `{key}`"
    else:
        hint = did_you_mean(key, known, "keys here")
    return Diagnostic(Code.UNKNOWN_KEY, f"unknown key `{key}`", subject, hint=hint)


def _untagged(error: ErrorDetails, path: Path) -> Diagnostic:
    value = error["input"]
    if not isinstance(value, Mapping):
        return Diagnostic(
            Code.WRONG_TYPE, f"expected a mapping, found {_found(value)}", Subject(path)
        )
    if path[:1] == ("statements",):
        return Diagnostic(
            Code.UNKNOWN_KIND,
            "this says no kind of statement",
            Subject(path, on_key=True),
            hint=did_you_mean(next(iter(value), ""), StatementKind, "a statement has one of"),
        )
    if "kind" not in value:
        return Diagnostic(
            Code.MISSING_KEY,
            "`kind` is missing",
            Subject(path, on_key=True),
            hint="add `kind: …`, one of " + ", ".join(Kind),
        )
    kind = value["kind"]
    shown = f"`{kind}`" if isinstance(kind, str) else _found(kind)
    return Diagnostic(
        Code.UNKNOWN_KIND,
        f"there is no kind of node {shown}",
        Subject((*path, "kind")),
        hint=did_you_mean(str(kind), Kind, "kinds"),
    )


def _shown(part: str | int) -> str:
    return str(part)


def _found(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the text `{value[:40]}`"
    return "a list" if isinstance(value, Sequence) else "a mapping"


def _keys(model: type[BaseModel]) -> list[str]:
    return [str(f.validation_alias or name) for name, f in model.model_fields.items()]


def _kinds_with(key: str) -> list[str]:
    nodes = _variants(Topology.model_fields["nodes"].annotation)
    return sorted(tag for tag, model in nodes if tag is not None and key in _keys(model))


def _models(model: type[BaseModel], path: Path) -> Iterator[type[BaseModel]]:
    """The models that a value at `path` may have, as pydantic names the way there."""
    if not path:
        yield model
        return
    for name, field in model.model_fields.items():
        if str(field.validation_alias or name) != path[0]:
            continue
        rest = path[1:]
        variants = _variants(field.annotation)
        for tag, variant in variants:
            # The parts between a field and a model in it are keys of mappings, indices and tags.
            for skipped in range(min(len(rest), 3) + 1):
                passed, left = rest[:skipped], rest[skipped:]
                if (tag is None) == (tag not in passed) and _starts(variant, left):
                    yield from _models(variant, left)
                    break


def _starts(model: type[BaseModel], path: Path) -> bool:
    return not path or path[0] in _keys(model)


def _variants(annotation: Any) -> list[tuple[str | None, type[BaseModel]]]:
    """The models inside a type, each with the tag that pydantic puts into a location for it."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [(None, annotation)]
    if get_origin(annotation) is Annotated:
        inner, *metadata = get_args(annotation)
        tags = [item.tag for item in metadata if isinstance(item, Tag)]
        return [(tags[0] if tags else tag, model) for tag, model in _variants(inner)]
    if get_origin(annotation) in (Union, UnionType) or get_args(annotation):
        return [item for part in get_args(annotation) for item in _variants(part)]
    return []
