"""How a domain that libvirt describes differs from the one that it was given.

libvirt adds to what it is given: aliases, addresses, defaults. So every element given must be
there with its attributes and text, and nothing may be added of the kinds that change what a
domain is. Interfaces are compared apart, by their MAC addresses.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

__all__ = ["differences", "interfaces"]

_ADDED = {
    "os": {"cmdline", "dtb", "initarg", "initenv", "nvram"},
    "features": None,
    "capabilities": None,
    "devices": {
        "channel", "disk", "filesystem", "graphics", "hostdev", "parallel", "redirdev", "rng",
        "shmem", "smartcard", "sound", "tpm", "video", "vsock", "watchdog",
    },
}  # fmt: skip
"""By parent, the children that only an applied domain may have; `None`: all of them."""

_UNITS = {"b": 1, "bytes": 1, "KiB": 1 << 10, "k": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_KEYS = {"feature": "name", "filesystem": "target"}


def interfaces(domain: Element) -> dict[str, Element]:
    """The interfaces of a domain by their MAC addresses in lower case."""
    found = {}
    for one in domain.iterfind("devices/interface"):
        mac = one.find("mac")
        found["" if mac is None else mac.get("address", "").lower()] = one
    return found


def differences(given: Element, found: Element) -> Iterator[tuple[str, str, str]]:
    """What differs: where, what was given, what was found."""
    current = found.find("currentMemory")
    if current is not None:
        # Given once, libvirt has it twice.
        yield from _memory("currentMemory", given.find("memory"), current)
    yield from _element(given, found, "")


def _element(given: Element, found: Element, at: str) -> Iterator[tuple[str, str, str]]:
    for name, value in given.attrib.items():
        seen = found.get(name)
        if name == "unit" or seen == value:
            continue
        # A machine type is an alias of its newest version.
        if name == "machine" and (seen or "").startswith(f"{value}-"):
            continue
        yield f"{at or given.tag} {name}", value, seen or "nothing"
    if given.tag == "memory":
        yield from _memory("memory", given, found)
    elif _text(given) and _text(given) != _text(found):
        yield at, _text(given), _text(found) or "nothing"
    yield from _children(given, found, at)


def _children(given: Element, found: Element, at: str) -> Iterator[tuple[str, str, str]]:
    left = [one for one in found if one.tag != "interface"]
    for child in given:
        if child.tag == "interface":
            continue
        where = f"{at}/{_label(child)}" if at else _label(child)
        match = next((one for one in left if _same(child, one)), None)
        if match is None:
            yield where, "there", "missing"
            continue
        left.remove(match)
        yield from _element(child, match, where)
    watched = _ADDED.get(given.tag, set())
    for extra in left:
        if watched is None or extra.tag in watched:
            where = f"{at}/{_label(extra)}" if at else _label(extra)
            yield where, "nothing", _text(extra) or "there"


def _same(one: Element, other: Element) -> bool:
    return one.tag == other.tag and _key(one) == _key(other)


def _key(element: Element) -> str:
    """What tells an element from its siblings of the same tag."""
    by = _KEYS.get(element.tag)
    if by == "target":
        target = element.find("target")
        return "" if target is None else target.get("dir", "")
    return "" if by is None else element.get(by, "")


def _label(element: Element) -> str:
    key = _key(element)
    return f"{element.tag} {key}" if key else element.tag


def _memory(what: str, given: Element | None, found: Element) -> Iterator[tuple[str, str, str]]:
    if given is not None and _bytes(given) != _bytes(found):
        yield what, f"{_bytes(given) >> 10} KiB", f"{_bytes(found) >> 10} KiB"


def _bytes(element: Element) -> int:
    return int(_text(element) or 0) * _UNITS[element.get("unit", "KiB")]


def _text(element: Element) -> str:
    return (element.text or "").strip()
