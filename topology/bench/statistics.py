"""What samples tell: medians with bootstrap confidence intervals, ratios, and what is scattered.

The interval is the percentile bootstrap's (Efron and Tibshirani, An Introduction to the Bootstrap,
1993, chapter 13) of the median, with a fixed seed: the same samples give the same interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "FEWEST",
    "LEVEL",
    "RESAMPLES",
    "SPREAD",
    "Estimate",
    "Ratio",
    "estimate",
    "ratio",
]

LEVEL = 0.95
"""The confidence that intervals are asked for."""

RESAMPLES = 2000

FEWEST = 5
"""Samples on each side that a conclusion needs. The interval of a median of n samples reaches at
most from the least to the greatest, which holds the median with probability 1 - 2^(1-n): 75 % of
three, 94 % of five."""

SPREAD = 0.15
"""A figure whose interval reaches further than this from its median, as a share of it, on the
average of both sides, is marked as scattered, and no conclusion rests on it."""

_SEED = 7


@dataclass(frozen=True, slots=True)
class Estimate:
    """The median of `count` samples, and the interval that it lies in."""

    median: float
    low: float
    high: float
    count: int

    @property
    def spread(self) -> float:
        """Half the interval's width as a share of the median."""
        if self.high == self.low:
            return 0.0
        return (self.high - self.low) / 2 / abs(self.median) if self.median else float("inf")

    @property
    def scattered(self) -> bool:
        """Whether its spread makes it meaningless."""
        return self.spread > SPREAD

    @property
    def few(self) -> bool:
        """Whether it has too few samples for a conclusion."""
        return self.count < FEWEST


@dataclass(frozen=True, slots=True)
class Ratio:
    """One median divided by another, and the interval that the quotient lies in."""

    value: float
    low: float
    high: float
    upper: Estimate
    lower: Estimate

    @property
    def sound(self) -> bool:
        """Whether both sides bear a conclusion: enough samples, and close enough together."""
        return not any(side.few or side.scattered for side in (self.upper, self.lower))

    def differs(self, effect: float = 0.0) -> bool:
        """Whether the interval excludes 1 and the quotient is at least `effect` away from it.

        The effect is symmetric: with 0.05, 1.05 and 1/1.05 are both far enough.
        """
        away = max(self.value, 1 / self.value) - 1 if self.value > 0 else float("inf")
        return (self.low > 1 or self.high < 1) and away >= effect


def estimate(samples: Sequence[float], *, level: float = LEVEL) -> Estimate:
    """The median of samples with its interval; raises `ValueError` without any.

    >>> estimate([3.0, 1.0, 2.0])
    Estimate(median=2.0, low=1.0, high=3.0, count=3)
    """
    import numpy as np

    if not samples:
        raise ValueError("there is no median of nothing")
    low, high = np.quantile(_medians(samples, 0), _tails(level))
    return Estimate(float(np.median(samples)), float(low), float(high), len(samples))


def ratio(upper: Sequence[float], lower: Sequence[float], *, level: float = LEVEL) -> Ratio | None:
    """The quotient of two medians; `None` where the lower one is, or may be, zero or negative.

    Both sides are resampled independently. Interleaved runs share what drifts, so that the
    interval is rather too wide than too narrow.
    """
    import numpy as np

    one, other = estimate(upper, level=level), estimate(lower, level=level)
    below = _medians(lower, 1)
    if other.median <= 0 or below.min() <= 0:
        return None
    low, high = np.quantile(_medians(upper, 0) / below, _tails(level))
    return Ratio(one.median / other.median, float(low), float(high), one, other)


def _tails(level: float) -> list[float]:
    return [(1 - level) / 2, (1 + level) / 2]


def _medians(samples: Sequence[float], stream: int) -> NDArray[Any]:
    import numpy as np

    values = np.asarray(samples, dtype=float)
    chosen = np.random.default_rng((_SEED, stream)).integers(
        0, len(values), (RESAMPLES, len(values))
    )
    medians: NDArray[Any] = np.median(values[chosen], axis=1)
    return medians
