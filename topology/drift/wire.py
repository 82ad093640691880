"""Looks at the kernel that libvirt runs on: bridges, their ports, and inside containers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from topology.drift.found import FoundContainer, FoundLink
from topology.probe.places import Surroundings

__all__ = ["container_of", "links_of", "listed"]

_INSIDE = (
    # $1 is the container's controller, its only child the container's init.
    'set -- $(cat "/proc/$1/task/$1/children") && '
    'exec nsenter --net="/proc/$1/ns/net" -- sh -c "ip -j address; echo; ip -j -4 route; echo; '
    'ip -j -6 route; echo; nft --numeric list ruleset"'
)
_LISTED = "nft --file - && exec nft --numeric list ruleset"
_KERNELS = {"kernel", "ra", "redirect"}
"""Routes that follow from addresses, or that nobody set."""


def links_of(surroundings: Surroundings) -> dict[str, FoundLink]:
    """Every interface of libvirt's host, by name; raises `ProbeError`."""
    found = {}
    for one in json.loads(surroundings.run(["ip", "-j", "-d", "address"]).stdout):
        if not one:
            continue
        data = one.get("linkinfo", {}).get("info_data", {})
        found[one["ifname"]] = FoundLink(
            one["ifname"],
            one.get("master"),
            "UP" in one["flags"],
            int(one["mtu"]),
            tuple(sorted(_addresses(one))),
            bool(data.get("stp_state", 0)),
        )
    return found


def container_of(number: int, surroundings: Surroundings) -> FoundContainer:
    """The network inside the container whose controller has this process number.

    Raises `ProbeError` where it cannot be entered.
    """
    done = surroundings.run(["sh", "-c", _INSIDE, "sh", str(number)])
    addresses, four, six, ruleset = done.stdout.split("\n\n", 3)
    interfaces = {
        one["address"].lower(): (int(one["mtu"]), "UP" in one["flags"], _addresses(one))
        for one in json.loads(addresses)
        if one and one.get("link_type") == "ether"
    }
    routes = {
        (_prefix(one["dst"], family), one.get("gateway") or one.get("dev", ""))
        for family, text in ((4, four), (6, six))
        for one in json.loads(text or "[]")
        if one.get("protocol") not in _KERNELS and one.get("type", "unicast") == "unicast"
    }
    return FoundContainer(interfaces, frozenset(routes), _uncounted(ruleset))


def listed(ruleset: str, surroundings: Surroundings) -> str:
    """A ruleset as this host's nft lists it once loaded, in a network namespace for it alone."""
    done = surroundings.run(["unshare", "--net", "--", "sh", "-c", _LISTED], given=ruleset)
    return _uncounted(done.stdout)


def _addresses(link: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(
        f"{one['local']}/{one['prefixlen']}"
        for one in link.get("addr_info", ())
        if one.get("scope") == "global"
    )


def _prefix(text: str, family: int) -> str:
    if text == "default":
        return "0.0.0.0/0" if family == 4 else "::/0"
    if "/" in text:
        return text
    return f"{text}/{32 if family == 4 else 128}"


def _uncounted(ruleset: str) -> str:
    return re.sub(r" ?packets \d+ bytes \d+", "", ruleset).strip()
