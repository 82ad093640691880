"""The faults that `lab` reports; each says what happened and what to do about it."""

from __future__ import annotations

__all__ = ["Busy", "LabError", "Missing", "NotPermitted", "UsageError"]


class LabError(Exception):
    """An operation of the lab failed; `hint` says what to do, `log` holds the last lines seen.

    `code` is the exit code, where it is not the kind's own.
    """

    exit_code = 70

    def __init__(
        self, message: str, *, hint: str = "", log: str = "", code: int | None = None
    ) -> None:
        super().__init__(message)
        if code is not None:
            self.exit_code = code
        self.hint = hint
        self.log = log

    def describe(self) -> str:
        """Return the message, the end of the log and the hint, in reading order."""
        parts = [str(self)]
        if self.log:
            parts += ["last log lines:", *(f"  | {line}" for line in self.log.splitlines())]
        if self.hint:
            parts.append(f"hint: {self.hint}")
        return "\n".join(parts)


class UsageError(LabError):
    """The command line was wrong (EX_USAGE)."""

    exit_code = 64


class Missing(LabError):
    """Something that must be installed is not (EX_UNAVAILABLE)."""

    exit_code = 69


class Busy(LabError):
    """Another `lab` command holds the lab (EX_TEMPFAIL)."""

    exit_code = 75


class NotPermitted(LabError):
    """The command needs root (EX_NOPERM)."""

    exit_code = 77
