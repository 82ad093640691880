"""External nodes: the outside, where clients stand; never deployed."""

from __future__ import annotations

from typing import Literal

from topology.model.node import Node

__all__ = ["ExternalNode"]


class ExternalNode(Node):
    """Somebody outside: addresses and routes that the topology counts on, no domain."""

    kind: Literal["external"] = "external"
