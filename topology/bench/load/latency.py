"""Percentiles of latencies, the same for all tools."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["SHARES", "percentiles"]

SHARES = {"p50": 500, "p90": 900, "p99": 990, "p99.9": 999}
"""Thousandths, by name."""


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """The least value that each share of `values` does not exceed, and the largest.

    >>> percentiles(range(1, 1001))
    {'p50': 500, 'p90': 900, 'p99': 990, 'p99.9': 999, 'max': 1000}
    """
    ordered = sorted(values)
    found = {name: ordered[-(-share * len(ordered) // 1000) - 1] for name, share in SHARES.items()}
    return {**found, "max": ordered[-1]}
