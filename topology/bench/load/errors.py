"""What goes wrong while loading."""

from __future__ import annotations

from topology.bench.errors import BenchError

__all__ = ["LoadError"]


class LoadError(BenchError):
    """A load gave no figure, or one that does not count: the text says why."""
