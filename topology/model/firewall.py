"""Firewalls: they forward what their policy permits."""

from __future__ import annotations

from typing import Literal

from topology.model.base import Text
from topology.model.node import ForwardingNode

__all__ = ["FirewallNode"]


class FirewallNode(ForwardingNode):
    """A forwarder that applies a policy to what it forwards and to what is sent to itself."""

    kind: Literal["firewall"] = "firewall"
    policy: Text
