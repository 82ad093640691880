"""As much of JSON Schema 2020-12 as our schemas use; a keyword that is not known is an error."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

__all__ = ["mistakes"]

_TYPES: dict[str, type | tuple[type, ...]] = {
    "array": list,
    "boolean": bool,
    "integer": int,
    "null": type(None),
    "number": (int, float),
    "object": dict,
    "string": str,
}
_WORDS = {"$defs", "$schema", "default", "description", "format", "title"}
_CHECKED = {
    "$ref", "additionalProperties", "anyOf", "const", "enum", "items", "maximum", "maxItems",
    "minimum", "minItems", "minProperties", "oneOf", "pattern", "prefixItems", "properties",
    "propertyNames", "required", "type",
}  # fmt: skip


def mistakes(value: Any, schema: Any, root: Any = None, at: str = "$") -> Iterator[str]:
    """What is wrong with a value by a schema."""
    root = schema if root is None else root
    if schema is True:
        return
    if schema is False:
        yield f"{at}: nothing is allowed"
        return
    assert not (unknown := schema.keys() - _WORDS - _CHECKED), unknown
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        yield from mistakes(value, root["$defs"][name], root, at)
    if "type" in schema and not _is(value, schema["type"]):
        yield f"{at}: {value!r} is no {schema['type']}"
        return
    if "const" in schema and value != schema["const"]:
        yield f"{at}: {value!r} is not {schema['const']!r}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at}: {value!r} is none of {schema['enum']}"
    for key, least in (("anyOf", 1), ("oneOf", 1)):
        if key in schema:
            fitting = sum(not list(mistakes(value, one, root, at)) for one in schema[key])
            if fitting < least or (key == "oneOf" and fitting > 1):
                yield f"{at}: {value!r} fits {fitting} of {key}"
    if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        yield f"{at}: {value!r} does not match {schema['pattern']}"
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        yield f"{at}: {value} is out of range"
    if isinstance(value, list):
        yield from _list(value, schema, root, at)
    if isinstance(value, dict):
        yield from _object(value, schema, root, at)


def _is(value: Any, name: str) -> bool:
    if isinstance(value, bool) and name != "boolean":
        return False
    return isinstance(value, _TYPES[name])


def _list(value: list[Any], schema: Any, root: Any, at: str) -> Iterator[str]:
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        yield f"{at}: {len(value)} items"
    first = schema.get("prefixItems", [])
    for index, item in enumerate(value):
        inner = first[index] if index < len(first) else schema.get("items", True)
        yield from mistakes(item, inner, root, f"{at}[{index}]")


def _object(value: dict[str, Any], schema: Any, root: Any, at: str) -> Iterator[str]:
    if len(value) < schema.get("minProperties", 0):
        yield f"{at}: too few properties"
    for key in schema.get("required", ()):
        if key not in value:
            yield f"{at}: {key} is missing"
    for key, item in value.items():
        yield from mistakes(key, schema.get("propertyNames", True), root, f"{at}.{key}")
        known = schema.get("properties", {})
        inner = known[key] if key in known else schema.get("additionalProperties", True)
        yield from mistakes(item, inner, root, f"{at}.{key}")
