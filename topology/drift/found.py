"""What is there: libvirt's domains, networks and volumes, and the kernel's bridges.

As data, so that comparing it needs nothing that runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

__all__ = ["Found", "FoundContainer", "FoundDomain", "FoundLink", "FoundNetwork", "State"]

State = str
"""A domain's state: `running`, `paused` or `stopped`."""


@dataclass(frozen=True, slots=True)
class FoundDomain:
    """A domain; `live` is `None` where it does not run, `number` is its ID then 0."""

    name: str
    uuid: str
    state: State
    live: Element | None
    defined: Element | None
    number: int = 0


@dataclass(frozen=True, slots=True)
class FoundNetwork:
    """A libvirt network."""

    name: str
    uuid: str
    active: bool
    xml: Element


@dataclass(frozen=True, slots=True)
class FoundLink:
    """A network interface of libvirt's host; `addresses` are global ones."""

    name: str
    bridge: str | None
    up: bool
    mtu: int
    addresses: tuple[str, ...] = ()
    spanning_tree: bool = False


@dataclass(frozen=True, slots=True)
class FoundContainer:
    """The network of a container, as the kernel has it.

    `interfaces` are (MTU, up, addresses) by MAC address; `routes` are (prefix, via) of those
    that somebody set; `ruleset` is what nft lists, without counts.
    """

    interfaces: Mapping[str, tuple[int, bool, frozenset[str]]]
    routes: frozenset[tuple[str, str]]
    ruleset: str


@dataclass(frozen=True, slots=True)
class Found:
    """Everything that was looked at; what could not be is `None`.

    `volumes` are digests by path, `None` for a volume that is not there. `containers` are by
    node, `expected` the rulesets that nft lists when it is given what was applied.
    """

    domains: Mapping[str, FoundDomain]
    networks: Mapping[str, FoundNetwork]
    volumes: Mapping[str, str | None] | None = None
    links: Mapping[str, FoundLink] | None = None
    containers: Mapping[str, FoundContainer] = field(default_factory=dict)
    expected: Mapping[str, str] = field(default_factory=dict)
