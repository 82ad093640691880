"""Domains and volumes that are not what was applied."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from xml.etree.ElementTree import Element

from topology.drift.applied import Applied, AppliedDomain
from topology.drift.found import Found, FoundDomain
from topology.drift.mend import Mend
from topology.drift.types import Code, Drift, Thing
from topology.drift.xml import differences, interfaces

__all__ = ["domain_drifts", "foreign_drifts", "volume_drifts"]

_SHOWN = 4


def domain_drifts(applied: Applied, found: Found, mend: Mend) -> Iterator[Drift]:
    """Every domain of the stack that is gone, does not run or is another."""
    for one in applied.domains:
        there = found.domains.get(one.name)
        if there is None:
            yield _node(Code.DOMAIN_MISSING, one, "defined", "undefined", mend.refresh())
        elif there.state == "stopped":
            yield _node(Code.DOMAIN_STOPPED, one, "running", "shut off", mend.refresh())
        else:
            if there.state == "paused":
                resume = mend.domain("resume", one.name)
                yield _node(Code.DOMAIN_PAUSED, one, "running", "paused", resume)
            yield from _changed(applied, one, there, mend)


def _changed(
    applied: Applied, one: AppliedDomain, there: FoundDomain, mend: Mend
) -> Iterator[Drift]:
    replace = mend.replace([one.node])
    seen: list[tuple[str, str, str]] = []
    for when, xml in (("", there.live), ("from its next start: ", there.defined)):
        if xml is not None:
            seen += [(f"{when}{what}", a, b) for what, a, b in differences(one.xml, xml)]
    # What runs is told once, though its definition says the same.
    told = {where for where, _, _ in seen}
    seen = [s for s in seen if not s[0].startswith("from ") or s[0].partition(": ")[2] not in told]
    if there.uuid != one.uuid:
        seen.append(("identity", one.uuid, there.uuid))
    if there.defined is None:
        seen.append(("definition", "persistent", "transient"))
    if seen:
        shown, rest = seen[:_SHOWN], len(seen) - _SHOWN
        more = f" and {rest} more" if rest > 0 else ""
        yield _node(
            Code.DOMAIN_CHANGED,
            one,
            "; ".join(f"{where} {given}" for where, given, _ in shown) + more,
            "; ".join(f"{where} {got}" for where, _, got in shown) + more,
            replace,
        )
    yield from _interfaces(applied, one, there, mend)


def _interfaces(
    applied: Applied, one: AppliedDomain, there: FoundDomain, mend: Mend
) -> Iterator[Drift]:
    given = interfaces(one.xml)
    live = interfaces(there.live) if there.live is not None else {}
    later = interfaces(there.defined) if there.defined is not None else live
    replace = mend.replace([one.node])
    for mac in sorted({*live, *later} - given.keys()):
        element = live[mac] if mac in live else later[mac]
        where = "" if mac in live else ", from its next start"
        found = f"{mac} on {_source(element)}{where}"
        yield _node(Code.INTERFACE_EXTRA, one, "no such interface", found, replace)
    for mac, element in given.items():
        segment = _segment(applied, element)
        if mac not in live or mac not in later:
            found = "none" if mac not in live else "none from its next start"
            yield _node(Code.INTERFACE_MISSING, one, f"{mac} on {segment}", found, replace)
            continue
        if _source(element) != _source(live[mac]):
            found = f"{mac} on {_source(live[mac])}"
            yield _node(Code.DOMAIN_CHANGED, one, f"{mac} on {_source(element)}", found, replace)
        if _link(element) != _link(live[mac]):
            up = mend.domain("domif-setlink", one.name, mac, "up")
            yield _node(Code.LINK_DOWN, one, f"{mac} on {segment} up", "down", up)


def foreign_drifts(applied: Applied, found: Found, mend: Mend) -> Iterator[Drift]:
    """Domains that are not the stack's, on its segments."""
    own = {one.name for one in applied.domains}
    places = {
        name: network.segment
        for network in applied.networks
        # Who else is on an uplink is none of our business.
        if network.name is not None
        for name in (network.name, network.bridge)
    }
    for name, there in sorted(found.domains.items()):
        xml = there.live if there.live is not None else there.defined
        if name in own or xml is None:
            continue
        on = sorted({places[s] for s in map(_source, interfaces(xml).values()) if s in places})
        if on:
            ends = ("destroy", "undefine") if there.live is not None else ("undefine",)
            if there.defined is None:
                ends = ("destroy",)
            gone = " && ".join(mend.virsh(_driver(xml, mend), end, name) for end in ends)
            said = f"{name}, {there.state}"
            yield Drift(
                Code.DOMAIN_EXTRA, Thing.SEGMENT, ", ".join(on), "the stack's domains", said, gone
            )


def _driver(xml: Element, mend: Mend) -> str:
    """The URI of the driver whose domain this is."""
    return mend.lxc if xml.get("type") == "lxc" else mend.qemu


def volume_drifts(
    applied: Applied, volumes: Mapping[str, str | None], mend: Mend
) -> Iterator[Drift]:
    """Images and configurations that are gone, or have other bytes."""
    for one in applied.volumes:
        digest = volumes.get(one.path)
        if digest is None:
            yield Drift(
                Code.VOLUME_MISSING,
                Thing.VOLUME,
                one.name,
                f"sha256 {one.digest[:12]}",
                "nothing",
                mend.refresh(),
            )
        elif digest != one.digest:
            yield Drift(
                Code.VOLUME_CHANGED,
                Thing.VOLUME,
                one.name,
                f"sha256 {one.digest[:12]}",
                f"sha256 {digest[:12]}, which {', '.join(one.nodes)} may run",
                mend.volume(one.pool, one.name, one.nodes),
            )


def _node(code: Code, one: AppliedDomain, applied: str, found: str, mend: str) -> Drift:
    return Drift(code, Thing.NODE, one.node, applied, found, mend)


def _segment(applied: Applied, element: Element) -> str:
    source = _source(element)
    for network in applied.networks:
        if source in (network.name, network.bridge):
            return network.segment
    return source


def _source(interface: Element) -> str:
    source = interface.find("source")
    if source is None:
        return "nothing"
    return source.get("network") or source.get("bridge") or source.get("dev") or "nothing"


def _link(interface: Element) -> str:
    link = interface.find("link")
    return "up" if link is None else link.get("state", "up")
