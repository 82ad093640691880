"""Routers: they forward everything."""

from __future__ import annotations

from typing import Literal

from topology.model.node import ForwardingNode

__all__ = ["RouterNode"]


class RouterNode(ForwardingNode):
    """A forwarder that joins segments and filters nothing."""

    kind: Literal["router"] = "router"
