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
    NO_REVISION = 65
    """Git knows no such revision."""
    NO_PATH = 66
    """There is no such file, or the revision has none."""
    SHALLOW = 67
    """The clone is shallow, and the revision is beyond it."""
    NOT_DEPLOYED = 68
    """The stack is unknown, or nothing of it is deployed."""
    NO_TOOL = 69
    """Git or Pulumi is missing."""
    OLD_FORMAT = 76
    """What is deployed was recorded in a format that this version does not read."""
    FAULT = 70
    INTERRUPTED = 130
