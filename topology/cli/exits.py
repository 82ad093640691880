"""The exit codes of `topology`."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["ExitCode"]


class ExitCode(IntEnum):
    """What a command's end means; everything that is not listed is a fault."""

    DONE = 0
    BROKEN = 1
    """A statement is broken, or there is a difference where one was asked about."""
    INVALID = 2
    """The topology is invalid."""
    USAGE = 64
    FAULT = 70
    INTERRUPTED = 130
