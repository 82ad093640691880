"""What can go wrong here."""

from __future__ import annotations

__all__ = ["ToolchainError"]


class ToolchainError(Exception):
    """A tool is missing or broken; `hint` says what to do, `log` holds what it said last."""

    def __init__(self, message: str, *, hint: str = "", log: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        self.log = log
