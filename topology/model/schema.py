"""The JSON Schema of a topology file, for editors: made from the model, short forms included.

The model reads short forms before it looks at a value (an address for an interface, a name for a
list of one), which pydantic's own schema does not know. They are added here, in one place each.
What a schema cannot say, such as which names exist, `topology validate` says.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from topology.model.topology import Topology

__all__ = ["topology_schema"]

_NAME = "^(?!(any|default)$)[a-z]([a-z0-9-]{0,61}[a-z0-9])?$"
_MAC = "^[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}$"
_MATCH = "^(tcp|udp|icmp|icmpv6)(/[a-z0-9-]+)?$"
_PREFIX = "^[0-9A-Fa-f.:]+/[0-9]{1,3}$"
_ADDRESS = "^[0-9A-Fa-f.:]+$"
_LABEL = r"^(@|\*|(\*\.)?_?[a-z0-9]([a-z0-9_.-]*[a-z0-9])?)$"
_NODES = ("DnsNode", "ExternalNode", "FirewallNode", "RouterNode", "WebNode")
_ONE_OR_MORE = {
    "Isolate": ("from", "to", "isolate"),
    "Management": ("from",),
    "Never": ("from", "to", "never"),
    "Only": ("from", "to", "only"),
    "Reach": ("from", "to", "reach"),
    "RecordSet": ("nodes", "txt"),
    "Rule": ("from", "to", "permit", "deny"),
    "Resolve": ("from", "to"),
    "Waypoint": ("from", "to"),
}
"""Lists of which a single item may be written alone."""


def topology_schema() -> dict[str, Any]:
    """The schema (JSON Schema 2020-12) of what a topology file may hold."""
    schema = _tidied(Topology.model_json_schema(by_alias=True, mode="validation"))
    definitions = schema["$defs"]
    for name, fields in _ONE_OR_MORE.items():
        for field in fields:
            _or_one(definitions[name]["properties"], field)
    for name in _NODES:
        _node(definitions[name])
    _interface(definitions["Interface"])
    _rule(definitions["Rule"])
    _records(definitions["DnsNode"])
    properties = schema["properties"]
    _prefixes(definitions["Segment"]["properties"]["prefixes"])
    for section in ("segments", "nodes", "policies", "services", "statements"):
        properties[section]["propertyNames"] = {"pattern": _NAME}
    match = {"type": "string", "pattern": _MATCH}
    listed = {"type": "array", "items": match, "minItems": 1}
    properties["services"]["additionalProperties"] = {"anyOf": [match, listed]}
    properties["name"] |= {"pattern": _NAME}
    schema["required"] = ["version", *schema["required"]]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "Topology",
    }


def _or_one(properties: dict[str, Any], field: str) -> None:
    """A list, or the only item of it."""
    declared = properties[field]
    options = declared.pop("anyOf", None)
    if options is None:
        options = [{key: declared.pop(key) for key in ("type", "items", "minItems")}]
    listed = next(option for option in options if option.get("type") == "array")
    declared["anyOf"] = [deepcopy(listed["items"]), *options]


def _node(definition: dict[str, Any]) -> None:
    properties = definition["properties"]
    interfaces = properties["interfaces"]
    least = interfaces.pop("minProperties")
    address = {"type": "string", "pattern": _ADDRESS}
    interfaces["additionalProperties"] = {
        "anyOf": [
            interfaces["additionalProperties"],
            address,
            {"type": "array", "items": address, "maxItems": 64},
            {"type": "null"},
        ]
    }
    mapping = {
        key: interfaces.pop(key) for key in ("type", "additionalProperties") if key in interfaces
    }
    names = {"type": "array", "items": {"type": "string"}, "minItems": 1}
    interfaces["anyOf"] = [{**mapping, "minProperties": least}, names, {"type": "string"}]
    properties["host"]["pattern"] = _NAME
    definition["required"] = sorted({"kind", *definition["required"]})


def _interface(definition: dict[str, Any]) -> None:
    address = {"type": "string", "pattern": _ADDRESS}
    definition["properties"]["addresses"]["items"] = address
    definition["properties"]["mac"]["anyOf"] = [
        {"type": "string", "pattern": _MAC},
        {"type": "null"},
    ]


def _rule(definition: dict[str, Any]) -> None:
    definition["properties"]["name"]["pattern"] = _NAME
    definition["oneOf"] = [{"required": ["permit"]}, {"required": ["deny"]}]


def _records(definition: dict[str, Any]) -> None:
    names = {"type": "array", "items": {"type": "string"}, "minItems": 1}
    record = {"anyOf": [{"$ref": "#/$defs/RecordSet"}, {"type": "string"}, names]}
    zone = definition["properties"]["records"]["additionalProperties"]
    zone |= {"additionalProperties": record, "propertyNames": {"pattern": _LABEL}}


def _prefixes(declared: dict[str, Any]) -> None:
    declared["items"] = {"type": "string", "pattern": _PREFIX}


def _tidied(value: Any) -> Any:
    """The same without pydantic's titles, which repeat the keys, and with the right words.

    Behind a validator of its own, pydantic counts items and properties with the word for texts.
    """
    if isinstance(value, list):
        return [_tidied(item) for item in value]
    if not isinstance(value, dict):
        return value
    counted = {"array": "Items", "object": "Properties"}.get(str(value.get("type")), "Length")
    return {
        key.replace("Length", counted) if key in ("maxLength", "minLength") else key: _tidied(item)
        for key, item in value.items()
        if key != "title" or not isinstance(item, str)
    }
