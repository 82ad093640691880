"""What can go wrong with a benchmark."""

from __future__ import annotations

from topology.errors import TopologyError

__all__ = ["BenchError", "RecordError"]


class BenchError(TopologyError):
    """A step of a benchmark broke."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(f"{message}\nHint: {hint}" if hint else message)


class RecordError(BenchError):
    """A file of samples that cannot be read; the text says which line and why."""
