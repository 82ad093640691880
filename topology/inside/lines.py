"""The lines of consoles: parsed, given a time, and merged.

A node writes the time since its start (`uptime_us`), since its own clock may be nobody's. The
host knows when the last line came, which is when the console was last written. So the start of
the run that wrote it follows, and with it the time of each line of that run; lines of earlier
runs, and those before a `fatal` line, which may have come much later, have no time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

__all__ = ["Line", "merged", "parsed", "timed"]

_MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a node; `time` in seconds since 1970, `None` where nobody knows.

    `event` is empty, and `text` what was written, for what is none of the format: firmware's
    words, or a line that was cut.
    """

    node: str
    event: str
    fields: Mapping[str, Any]
    text: str
    time: float | None = None

    @property
    def uptime(self) -> float | None:
        """Seconds since the node started, `None` where the line does not say."""
        value = self.fields.get("uptime_us")
        return value / _MICROSECONDS if isinstance(value, int) else None


def parsed(node: str, text: str, time: float | None = None) -> Line:
    """One line of a console."""
    try:
        fields = json.loads(text)
    except ValueError:
        fields = None
    if isinstance(fields, dict) and isinstance(fields.get("event"), str):
        return Line(node, fields["event"], fields, text, time)
    return Line(node, "", {}, text, time)


def timed(lines: Sequence[Line], written: float) -> list[Line]:
    """The lines of one console with their times; `written` is when the last one came."""
    if not lines:
        return []
    last = lines[-1]
    started = None if last.uptime is None else written - last.uptime
    found = [replace(last, time=written)]
    for line in reversed(lines[:-1]):
        # What comes before a start is of another run, whose start nobody knows.
        if found[-1].event == "boot":
            started = None
        uptime = line.uptime
        time = None if started is None or uptime is None else started + uptime
        found.append(replace(line, time=time))
    return found[::-1]


def merged(consoles: Iterable[Sequence[Line]]) -> Iterator[Line]:
    """The lines of several consoles in the order of time, each console's own order kept.

    Those without a time come first, console by console.
    """
    untimed, rest = [], []
    for console in consoles:
        last: float | None = None
        for place, line in enumerate(console):
            if line.time is None:
                untimed.append(line)
                continue
            last = line.time if last is None else max(last, line.time)
            rest.append((last, line.node, place, line))
    yield from untimed
    yield from (line for *_, line in sorted(rest, key=lambda one: one[:3]))
