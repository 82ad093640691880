"""Shared by checks: whether names of endpoints and services are known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydantic_core import PydanticCustomError

from topology.check.finding import error
from topology.diagnostics import Code, Diagnostic, Path, did_you_mean
from topology.model import Protocol
from topology.model.base import parse_address, parse_prefix
from topology.model.service import parse_match
from topology.resolve import Names
from topology.resolve.names import ANY

__all__ = ["known_selectors", "known_services"]


def known_selectors(
    names: Names, selectors: Iterable[str], path: Path, *, prefixes: bool
) -> Iterator[Diagnostic]:
    """Selectors that are no zone, segment or node (nor prefix, where `prefixes` may stand)."""
    for index, selector in enumerate(selectors):
        here = (*path, index)
        if "/" in selector and prefixes:
            try:
                parse_prefix(selector)
            except PydanticCustomError as mistake:
                yield _from(mistake, here)
        elif selector != ANY and not names.is_node(selector) and not names.segments(selector):
            hint = did_you_mean(selector, names.selectors, "names")
            if (address := _address(selector)) is not None:
                hint = f"write {address}" if prefixes else "name the node that has the address"
            yield error(
                Code.UNKNOWN_NAME,
                f"there is no zone, segment or node `{selector}`",
                here,
                hint=hint,
            )


def known_services(names: Names, services: Iterable[str], path: Path) -> Iterator[Diagnostic]:
    """Services that are not declared and no match either."""
    declared = names.topology.services
    for index, service in enumerate(services):
        here = (*path, index)
        if service == ANY or service in declared:
            continue
        if "/" in service or service in tuple(Protocol):
            try:
                parse_match(service)
            except PydanticCustomError as mistake:
                yield _from(mistake, here)
            continue
        yield error(
            Code.UNKNOWN_NAME,
            f"there is no service `{service}`",
            here,
            hint=did_you_mean(service, [ANY, *declared], "services"),
        )


def _address(text: str) -> str | None:
    try:
        address = parse_address(text)
    except PydanticCustomError:
        return None
    return f"{address}/{address.max_prefixlen}"


def _from(mistake: PydanticCustomError, path: Path) -> Diagnostic:
    hint = str((mistake.context or {}).get("hint", ""))
    return error(Code.BAD_VALUE, mistake.message(), path, hint=hint)
