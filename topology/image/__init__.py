"""Images: a content-addressed store, and the builds that fill it from this project's sources."""

from __future__ import annotations

from topology.image.build import ensure, lookup, project_root, roles
from topology.image.errors import ImageError
from topology.image.store import Store

__all__ = ["ImageError", "Store", "ensure", "lookup", "project_root", "roles"]
