"""Figures as people read them: three digits, a fitting unit, names in full."""

from __future__ import annotations

from collections.abc import Iterable

from topology.bench.record import Point, Subject, point_text
from topology.bench.report.document import Cell
from topology.bench.statistics import Estimate, Ratio

__all__ = [
    "NAMES",
    "amount",
    "estimate_cell",
    "estimate_text",
    "fitting",
    "interval_text",
    "number",
    "place",
    "ratio_text",
    "times",
]

NAMES = {
    Subject.UNIKERNEL: "unikernel",
    Subject.CONTAINERS: "containers",
    Subject.SHARED: "containers, shared code",
    Subject.STOCK: "stock Linux",
    Subject.RUNC: "runc",
    Subject.ENGINE: "engine",
}

_TIMES = "\N{MULTIPLICATION SIGN}"

_SECONDS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_MILLISECONDS = ((1e3, "s"), (1.0, "ms"), (1e-3, "µs"))
_MICROSECONDS = ((1e6, "s"), (1e3, "ms"), (1.0, "µs"))
_MEBIBYTES = ((1024.0, "GiB"), (1.0, "MiB"), (1 / 1024, "KiB"))
_BYTES = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B"))
_KIBIBYTES = ((1024.0, "MiB"), (1.0, "KiB"))
_UNITS = {
    "s": _SECONDS,
    "ms": _MILLISECONDS,
    "us": _MICROSECONDS,
    "µs": _MICROSECONDS,
    "B": _BYTES,
    "KiB": _KIBIBYTES,
    "MiB": _MEBIBYTES,
}
"""Units that are written in a smaller or a larger one of the same kind where that reads better."""


_COUNTED = frozenset({"calls", "files", "instances", "ports", "requests", "segments"})
"""Units of which there are whole ones, where a sample is no rate."""


def fitting(unit: str, values: Iterable[float]) -> tuple[float, str]:
    """What to divide values of a unit by, and the unit that they are then in.

    >>> fitting("s", [0.012, 0.4])
    (0.001, 'ms')
    """
    scales = _UNITS.get(unit)
    most = max((abs(value) for value in values), default=0.0)
    if scales is None or most == 0:
        return 1.0, unit
    return next(((size, name) for size, name in scales if most >= size), scales[-1])


def number(value: float) -> str:
    """A number to three digits, thousands apart.

    >>> [number(value) for value in (0, 0.01234, 1.5, 12.34, 123456.7)]
    ['0', '0.0123', '1.50', '12.3', '123,457']
    """
    if value == 0:
        return "0"
    for least, digits in ((100, 0), (10, 1), (1, 2)):
        # What rounds up to the next power of ten is written as it.
        if abs(value) >= least * (1 - 0.5 * 10 ** -(digits + 2)):
            return f"{value:,.{digits}f}"
    return f"{value:.3g}"


def amount(value: float, unit: str) -> str:
    """The same; whole ones of what is counted stand without a fraction.

    >>> amount(3, "files"), amount(3, "ms")
    ('3', '3.00')
    """
    return f"{value:,.0f}" if unit in _COUNTED and value == round(value) else number(value)


def interval_text(estimate: Estimate, scale: float = 1.0, unit: str = "") -> str:
    """The interval of an estimate."""
    return f"{amount(estimate.low / scale, unit)} to {amount(estimate.high / scale, unit)}"


def estimate_text(
    estimate: Estimate,
    unit: str,
    scale: tuple[float, str] | None = None,
    *,
    interval: bool = True,
) -> str:
    """A median with its unit, its interval where there is one, and a mark where it says little."""
    size, name = scale or fitting(unit, [estimate.median])
    text = f"{amount(estimate.median / size, name)} {name}"
    if interval and estimate.high > estimate.low:
        text += f" ({interval_text(estimate, size, name)})"
    return text + (" ⚠" if estimate.scattered else "")


def estimate_cell(estimate: Estimate, unit: str, scale: tuple[float, str] | None = None) -> Cell:
    """The same for a table, the interval and the number of samples beneath."""
    size, name = scale or fitting(unit, [estimate.median])
    mark = " ⚠" if estimate.scattered else ""
    beneath = f"n={estimate.count}"
    if estimate.high > estimate.low:
        beneath = f"{interval_text(estimate, size, name)}, {beneath}"
    return Cell(f"{amount(estimate.median / size, name)} {name}{mark}", beneath=beneath)


def times(value: float) -> str:
    """A factor."""
    return f"{number(value)}{_TIMES}"


def ratio_text(ratio: Ratio) -> str:
    """A quotient with its interval."""
    text = times(ratio.value)
    if ratio.high > ratio.low:
        text += f" ({number(ratio.low)} to {number(ratio.high)})"
    return text


def place(point: Point, without: Iterable[str] = ()) -> str:
    """A point for a title; nothing where there is only one."""
    hidden = set(without)
    return point_text({key: value for key, value in point.items() if key not in hidden})
