"""Web servers."""

from __future__ import annotations

from typing import Literal

from topology.model.base import Text
from topology.model.node import DeployedNode

__all__ = ["WebNode"]


class WebNode(DeployedNode):
    """A web server on TCP port 80.

    `content` is a directory, relative to the topology's file, whose files are the resources.
    """

    kind: Literal["web"] = "web"
    content: Text | None = None
