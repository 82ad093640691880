"""What drift there is: each with its code, its subject and the command that mends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["MEANINGS", "Code", "Drift", "Report", "Restarted", "Skipped", "Thing"]


class Code(StrEnum):
    """The kinds of drift."""

    ADDRESS_CHANGED = "address-changed"
    BRIDGE_CHANGED = "bridge-changed"
    BRIDGE_MISSING = "bridge-missing"
    DOMAIN_CHANGED = "domain-changed"
    DOMAIN_EXTRA = "domain-extra"
    DOMAIN_MISSING = "domain-missing"
    DOMAIN_PAUSED = "domain-paused"
    DOMAIN_STOPPED = "domain-stopped"
    INTERFACE_EXTRA = "interface-extra"
    INTERFACE_MISSING = "interface-missing"
    LINK_DOWN = "link-down"
    NETWORK_CHANGED = "network-changed"
    NETWORK_MISSING = "network-missing"
    NETWORK_STOPPED = "network-stopped"
    NOT_APPLIED = "not-applied"
    PORT_DETACHED = "port-detached"
    PORT_EXTRA = "port-extra"
    ROUTE_CHANGED = "route-changed"
    RULESET_CHANGED = "ruleset-changed"
    STATEMENT_BROKEN = "statement-broken"
    VOLUME_CHANGED = "volume-changed"
    VOLUME_MISSING = "volume-missing"


MEANINGS = {
    Code.ADDRESS_CHANGED: "a container's interface has other addresses, MTU or state",
    Code.BRIDGE_CHANGED: "a segment's bridge has another MTU, an address or the spanning tree",
    Code.BRIDGE_MISSING: "libvirt's network is active and its bridge is gone",
    Code.DOMAIN_CHANGED: "a domain is or will be started as something else",
    Code.DOMAIN_EXTRA: "a domain that the stack does not know is on its segments or has its name",
    Code.DOMAIN_MISSING: "a domain is undefined",
    Code.DOMAIN_PAUSED: "a domain is suspended",
    Code.DOMAIN_STOPPED: "a domain is shut off",
    Code.INTERFACE_EXTRA: "a domain has one more interface",
    Code.INTERFACE_MISSING: "an interface was taken from a domain",
    Code.LINK_DOWN: "an interface's link is down",
    Code.NETWORK_CHANGED: "a segment's network was defined anew, as another",
    Code.NETWORK_MISSING: "a segment's network is undefined",
    Code.NETWORK_STOPPED: "a segment's network is inactive",
    Code.NOT_APPLIED: "the file says something else than what was applied",
    Code.PORT_DETACHED: "a node's port is not on its segment's bridge",
    Code.PORT_EXTRA: "something that no domain owns is on a segment's bridge",
    Code.ROUTE_CHANGED: "a container has other routes",
    Code.RULESET_CHANGED: "a container has another nftables ruleset",
    Code.STATEMENT_BROKEN: "a statement does not hold on the wire (with --probe)",
    Code.VOLUME_CHANGED: "an image or a configuration has other bytes",
    Code.VOLUME_MISSING: "an image or a configuration is gone",
}
"""What each code means, in one line."""


class Thing(StrEnum):
    """What a drift is about."""

    NODE = "node"
    SEGMENT = "segment"
    STATEMENT = "statement"
    VOLUME = "volume"


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference: what was applied, what was found instead, and what to type."""

    code: Code
    thing: Thing
    name: str
    applied: str
    found: str
    mend: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """What could not be compared, and why."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Restarted:
    """A node that started more than once by itself: the same content, so no drift.

    `reason` is what it said before its last start, or that it said nothing.
    """

    node: str
    starts: int
    reason: str


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was found of one stack."""

    stack: str
    variant: str
    topology: str
    drifts: Sequence[Drift]
    skipped: Sequence[Skipped]
    seconds: float
    restarted: Sequence[Restarted] = ()

    @property
    def exit_code(self) -> int:
        """0 none, 1 drift, 70 none seen where not everything could be compared."""
        if self.drifts:
            return 1
        return 70 if self.skipped else 0
