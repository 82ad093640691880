"""Console lines in words, one line each, for people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from topology.inside.lines import Line
from topology.inside.rules import Rules

__all__ = ["Teller", "clock", "dropped", "risen"]

_ICMP = ("icmp", "icmpv6")


def clock(time: float | None) -> str:
    """A time of day here, to the millisecond; dashes where it is not known."""
    if time is None:
        return "--:--:--.---"
    return datetime.fromtimestamp(time).strftime("%H:%M:%S.%f")[:-3]  # noqa: DTZ006 -- here


def risen(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    """The counters that rose, and by how much."""
    return {
        name: count - before.get(name, 0)
        for name, count in after.items()
        if count > before.get(name, 0)
    }


def dropped(line: Line) -> str:
    """The packet of a drop, in words."""
    told = line.fields
    port = told.get("port")
    where = "" if port is None else f" {'type' if told.get('protocol') in _ICMP else 'port'} {port}"
    return (
        f"{told.get('protocol')}{where} {told.get('source')} → {told.get('destination')} "
        f"in by {told.get('interface')}"
    )


class Teller:
    """Tells lines one after the other; of counters only what rose since the line before."""

    def __init__(self, rules: Rules | None) -> None:
        self._rules = rules
        self._counters: dict[str, dict[str, int]] = {}
        self._starts: dict[str, int] = {}

    def tell(self, line: Line) -> str:
        """What a line says."""
        told = line.fields
        match line.event:
            case "boot":
                self._counters.pop(line.node, None)
                count = self._starts[line.node] = self._starts.get(line.node, 0) + 1
                again = f" again, start {count} of this console" if count > 1 else ""
                return f"{told.get('kind')} of {told.get('topology')} starts{again}"
            case "ready":
                return f"serves after {(line.uptime or 0) * 1000:.1f} ms"
            case "counters":
                rose = self.counted(line)
                return " ".join(f"{name} +{count}" for name, count in rose.items()) or "unchanged"
            case "drop":
                rule = str(told.get("rule"))
                place = self._rules.place(line.node, rule) if self._rules else ""
                return f"by {rule}{f' ({place})' if place else ''}: {dropped(line)}"
            case "fatal":
                return f"cannot go on: {told.get('reason')}"
        return line.text.strip()

    def counted(self, line: Line) -> dict[str, int]:
        """What rose since the node's last line of counters."""
        given = line.fields.get("counters")
        now = {str(n): int(c) for n, c in given.items()} if isinstance(given, Mapping) else {}
        before = self._counters.get(line.node, {})
        self._counters[line.node] = now
        return risen(before, now)
