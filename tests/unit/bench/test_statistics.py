"""Intervals of known distributions, and the rules by which nothing rests on scattered figures."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topology.bench.statistics import FEWEST, SPREAD, estimate, ratio

values = st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=20)


@given(values)
def test_the_interval_holds_the_median_and_lies_among_the_samples(samples: list[float]) -> None:
    one = estimate(samples)
    assert min(samples) <= one.low <= one.median <= one.high <= max(samples)
    assert one.count == len(samples)


@given(values)
def test_the_same_samples_give_the_same_interval(samples: list[float]) -> None:
    assert estimate(samples) == estimate(list(samples))


@pytest.mark.parametrize("draw", ["gauss", "lognormal", "uniform"])
def test_intervals_hold_the_true_median_about_as_often_as_they_say(draw: str) -> None:
    """Of ten samples each, 200 times: 95 % asked for, which the bootstrap misses by little."""
    source = random.Random(draw)

    def take() -> float:
        if draw == "gauss":
            return source.gauss(1, 0.1)
        return source.lognormvariate(0, 0.5) if draw == "lognormal" else source.uniform(0, 2)

    truth = 1.0
    found = [estimate([take() for _ in range(10)]) for _ in range(200)]
    assert 0.88 <= sum(one.low <= truth <= one.high for one in found) / 200 <= 1


def test_equal_sides_are_seldom_called_different_and_doubled_ones_always() -> None:
    source = random.Random(5)
    false = 0
    for _ in range(200):
        one, other = ([source.gauss(10, 0.5) for _ in range(10)] for _ in range(2))
        same, twice = ratio(one, other), ratio([2 * value for value in one], other)
        assert same is not None
        assert twice is not None
        assert twice.differs(0.05)
        false += same.differs(0.05)
    assert false <= 20


def test_scattered_and_few_samples_bear_no_conclusion() -> None:
    close = [10.0, 10.1, 9.9, 10.0, 10.2]
    apart = [1.0, 30.0, 2.0, 40.0, 3.0]
    assert estimate(apart).scattered
    assert not estimate(close).scattered
    for other in (apart, close[: FEWEST - 1]):
        found = ratio(close, other)
        assert found is not None
        assert not found.sound
    sound = ratio(close, close)
    assert sound is not None
    assert sound.sound


def test_the_spread_is_half_the_width() -> None:
    one = estimate([9.0, 10.0, 11.0])
    assert one.spread == pytest.approx(0.1)
    assert one.spread < SPREAD
    assert estimate([0.0, 0.0]).spread == 0
    assert estimate([0.0, 0.0, 1.0]).scattered


def test_nothing_is_divided_by_what_may_be_zero() -> None:
    assert ratio([1.0, 2.0, 3.0], [0.0, 1.0, 2.0]) is None
    with pytest.raises(ValueError, match="nothing"):
        estimate([])
