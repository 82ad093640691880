"""What goes wrong between us and the wire."""

from __future__ import annotations

from topology.errors import TopologyError

__all__ = ["ProbeError"]


class ProbeError(TopologyError):
    """A probe cannot be made at all; `hint` says what to do about it."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(f"{message}\nHint: {hint}" if hint else message)
        self.message = message
        self.hint = hint
