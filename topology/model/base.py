"""What every model shares: frozen, closed, and scalars that say what is wrong with them."""

from __future__ import annotations

import re
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

__all__ = [
    "RESERVED_NAMES",
    "Address",
    "DnsLabel",
    "DnsName",
    "Mac",
    "Model",
    "Name",
    "OneOrMore",
    "Prefix",
    "RecordName",
    "Strict",
    "Text",
    "bad_value",
    "parse_address",
    "parse_prefix",
]

RESERVED_NAMES = frozenset({"any", "default"})
"""Words that selectors and routes give a meaning to, so that nothing may be called so."""

_NAME = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_LABEL = re.compile(r"_?[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")


class Model(BaseModel):
    """A frozen value that refuses keys it does not know.

    A file uses the aliases (`from`); code may use the field names (`sources`) as well.
    """

    model_config = ConfigDict(
        defer_build=True,  # only what is used is built: a file needs `Topology` alone
        extra="forbid",
        frozen=True,
        validate_by_alias=True,
        validate_by_name=True,
        serialize_by_alias=True,
    )


def bad_value(kind: str, message: str, hint: str = "") -> PydanticCustomError:
    """The error of a value that has the right type and makes no sense: what is wrong, what to do.

    Nothing in `message` and `hint` is a template: braces are kept as they are.
    """
    return PydanticCustomError(
        "bad_" + kind,
        "{message}",
        {"message": message, "hint": hint},
    )


def _name(value: Any) -> str:
    if not isinstance(value, str):
        raise bad_value("name", f"a name is text, not {value!r}", f'write "{value}" in quotes')
    if value in RESERVED_NAMES:
        raise bad_value("name", f"`{value}` is a reserved word", "choose another name")
    if not _NAME.fullmatch(value):
        better = re.sub(r"[^a-z0-9]+", "-", value.lower()).strip("-").lstrip("0123456789-")[:63]
        raise bad_value(
            "name",
            "a name is 1 to 63 lower-case letters, digits and hyphens, starts with a letter and "
            "does not end with a hyphen (RFC 1035 section 2.3.1)",
            f"write {better.rstrip('-')}" if better.rstrip("-") else "",
        )
    return value


def _label(value: Any) -> str:
    if not isinstance(value, str):
        raise bad_value("dns_name", f"a name in DNS is text, not {value!r}")
    if value != "@" and not all(_LABEL.fullmatch(label) for label in value.split(".")):
        raise bad_value(
            "dns_name",
            f"`{value}` is no name that a zone can hold: labels of 1 to 63 lower-case letters, "
            "digits and hyphens, joined by dots (RFC 1035 section 2.3.1)",
            "write the name without its zone; @ is the zone itself",
        )
    return value


def _record_name(value: Any) -> str:
    """A name in a zone, or `*` in place of its first label (RFC 4592 section 2.1.1)."""
    if isinstance(value, str) and value.startswith("*."):
        _label(value[2:] if value != "*.@" else value)
        return value
    return value if value == "*" else _label(value)


def _dns_name(value: Any) -> str:
    _label(value)
    if value == "@" or len(value) > 253:
        raise bad_value("dns_name", "a zone is a name of at most 253 characters", "as poc.example")
    return str(value)


def _mac(value: Any) -> str:
    if not isinstance(value, str):
        raise bad_value("mac", f"a MAC is text, not {value!r}", "as 02:00:00:00:00:01")
    text = value.lower().replace("-", ":")
    if not _MAC.fullmatch(text):
        raise bad_value("mac", f"`{value}` is not a MAC address", "as 02:00:00:00:00:01")
    if int(text[:2], 16) & 1 or text == "00:00:00:00:00:00":
        raise bad_value(
            "mac", f"`{value}` is not the address of one station", "an even first byte, as 02"
        )
    if text.startswith("fe:"):
        # libvirt gives the host's side of a tap the same address with the first byte 0xfe.
        raise bad_value("mac", "libvirt keeps MACs that start with fe for itself", "start with 02")
    return text


def parse_address(value: Any) -> IPv4Address | IPv6Address:
    """An address without prefix length, scope or brackets; raises a validation error."""
    if isinstance(value, IPv4Address | IPv6Address):
        return value
    text = value if isinstance(value, str) else str(value)
    if "/" in text:
        raise bad_value(
            "address",
            f"`{text}` has a prefix length, which the segment's prefix gives",
            f"write {text.split('/')[0]}",
        )
    try:
        address = ip_address(text) if isinstance(value, str) else None
    except ValueError:
        address = None
    if address is None or (isinstance(address, IPv6Address) and address.scope_id):
        raise bad_value("address", f"`{text}` is not an address", "as 192.0.2.1 or 2001:db8::1")
    return address


def parse_prefix(value: Any) -> IPv4Network | IPv6Network:
    """A prefix with no host bits set; raises a validation error."""
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    text = value if isinstance(value, str) else str(value)
    if not isinstance(value, str) or "/" not in text:
        raise bad_value("prefix", f"`{text}` is not a prefix", "as 192.0.2.0/24 or 2001:db8::/64")
    try:
        return ip_network(text)
    except ValueError:
        pass
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise bad_value(
            "prefix", f"`{text}` is not a prefix", "as 192.0.2.0/24 or 2001:db8::/64"
        ) from None
    raise bad_value("prefix", f"`{text}` has bits set beyond its length", f"write {network}")


def _text(value: Any) -> str:
    if value is None:
        raise bad_value("type", "expected text, found nothing")
    if not isinstance(value, str):
        shown = str(value).lower()
        raise bad_value("type", f"expected text, found {shown}", f'write "{shown}" in quotes')
    return value


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Address = Annotated[IPv4Address | IPv6Address, BeforeValidator(parse_address)]
DnsLabel = Annotated[str, BeforeValidator(_label)]
DnsName = Annotated[str, BeforeValidator(_dns_name)]
Mac = Annotated[str, BeforeValidator(_mac)]
Name = Annotated[str, BeforeValidator(_name)]
RecordName = Annotated[str, BeforeValidator(_record_name)]
Prefix = Annotated[IPv4Network | IPv6Network, BeforeValidator(parse_prefix)]
Strict = Field(strict=True)
Text = Annotated[str, BeforeValidator(_text)]
OneOrMore = Annotated[tuple[Text, ...], BeforeValidator(_listed), Field(min_length=1)]
"""A name or a list of names."""
