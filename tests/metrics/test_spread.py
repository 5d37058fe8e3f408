import math

import numpy as np
import pytest

from statewise.metrics.spread import spread_ratio

ARMS, SETTINGS, SEEDS = 9, 8, 5


def drawn(rng, *, settings, arms, luck=0.3):
    tried = settings * rng.normal(size=(ARMS, SETTINGS)) + luck * rng.normal(size=(ARMS, SETTINGS))
    return tried, arms * rng.normal(size=(ARMS, 1)) + luck * rng.normal(size=(ARMS, SEEDS))


def fraction(*, above, settings, arms, times=400):
    rng = np.random.default_rng(0)
    found = [spread_ratio(*drawn(rng, settings=settings, arms=arms)) for _ in range(times)]
    return np.mean([one.low > 1 if above else one.high < 1 for one in found])


@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_where_settings_and_arms_spread_alike_one_of_them_is_rarely_said_to_spread_more(spread):
    assert fraction(above=True, settings=spread, arms=spread) < 0.08
    assert fraction(above=False, settings=spread, arms=spread) < 0.05


def test_what_spreads_three_times_as_far_is_mostly_found_out():
    assert fraction(above=True, settings=1.0, arms=0.3) > 0.8
    assert fraction(above=False, settings=0.3, arms=1.0) > 0.7


def test_the_ratio_is_near_the_true_one_where_there_are_many_arms():
    rng = np.random.default_rng(0)
    settings = 2 * rng.normal(size=(400, SETTINGS)) + rng.normal(size=(400, SETTINGS))
    seeds = rng.normal(size=(400, 1)) + rng.normal(size=(400, SEEDS))
    found = spread_ratio(settings, seeds)
    assert found.low < math.sqrt(5 / 2) < found.high
    assert found.mean == pytest.approx(math.sqrt(5 / 2), rel=0.1)


@pytest.mark.parametrize(("settings", "ratio"), [([0.1, 0.2], math.inf), ([0.1, 0.1], math.nan)])
def test_without_any_spread_over_arms_and_seeds_nothing_is_bounded(settings, ratio):
    found = spread_ratio([settings] * ARMS, [[1.0, 1.0]] * ARMS)
    assert found.mean == pytest.approx(ratio, nan_ok=True)
    assert (found.low, found.high) == (0, math.inf)
