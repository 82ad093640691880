"""Services: named sets of protocols with their destination ports or ICMP types."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from topology.model.base import bad_value
from topology.model.words import Protocol

__all__ = ["ICMP_TYPES", "Matches", "ServiceMatch", "parse_match"]

ICMP_TYPES: dict[Protocol, dict[str, int]] = {
    Protocol.ICMP: {
        "echo-reply": 0,
        "destination-unreachable": 3,
        "redirect": 5,
        "echo-request": 8,
        "router-advertisement": 9,
        "router-solicitation": 10,
        "time-exceeded": 11,
        "parameter-problem": 12,
        "timestamp-request": 13,
        "timestamp-reply": 14,
    },
    Protocol.ICMPV6: {
        "destination-unreachable": 1,
        "packet-too-big": 2,
        "time-exceeded": 3,
        "parameter-problem": 4,
        "echo-request": 128,
        "echo-reply": 129,
        "router-solicitation": 133,
        "router-advertisement": 134,
        "neighbour-solicitation": 135,
        "neighbour-advertisement": 136,
        "redirect": 137,
    },
}
"""Names of ICMP types (IANA's registries, RFC 792 and RFC 4443), by protocol."""


def parse_match(text: str) -> tuple[Protocol, tuple[int, int] | None]:
    """A protocol and an inclusive range of ports or ICMP types; `None` means all of them.

    >>> parse_match("tcp/80")
    (<Protocol.TCP: 'tcp'>, (80, 80))
    >>> parse_match("icmp/echo-request")
    (<Protocol.ICMP: 'icmp'>, (8, 8))

    Raises a validation error for anything else.
    """
    word, _, rest = text.partition("/")
    try:
        protocol = Protocol(word)
    except ValueError:
        raise bad_value(
            "service",
            f"`{word}` is not a protocol",
            "write " + ", ".join(Protocol) + ", then a slash and a port or ICMP type",
        ) from None
    if "/" not in text:
        return protocol, None
    names = ICMP_TYPES.get(protocol)
    if names is not None and rest in names:
        return protocol, (names[rest], names[rest])
    top = 65535 if names is None else 255
    first, dash, last = rest.partition("-")
    if not (_is_number(first) and (_is_number(last) if dash else True)):
        what = "a port as 80 or 8000-8010" if names is None else "one of " + ", ".join(names)
        raise bad_value(
            "service",
            f"`{rest}` is not {'a port' if names is None else 'a type'} of {protocol}",
            f"write {what}",
        )
    low, high = int(first), int(last or first)
    if not (0 if names else 1) <= low <= high <= top:
        raise bad_value("service", f"`{rest}` is not a range within {0 if names else 1} to {top}")
    return protocol, (low, high)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5


def _service_match(value: Any) -> str:
    if not isinstance(value, str):
        raise bad_value("service", f"`{value}` does not say its protocol", f"write tcp/{value}")
    parse_match(value)
    return value


ServiceMatch = Annotated[str, BeforeValidator(_service_match)]
"""A protocol with ports or types: `tcp/80`, `udp/5000-5010`, `icmpv6/echo-request`, `tcp`."""

Matches = Annotated[
    tuple[ServiceMatch, ...],
    BeforeValidator(lambda value: [value] if isinstance(value, str) else value),
    Field(min_length=1),
]
