import math
from itertools import product

import numpy as np
import pytest
from scipy import stats

from statewise.metrics import (
    bootstrap_interval,
    fraction_difference,
    mean_interval,
    probability_of_improvement,
    standard_error,
    t_interval,
    wilson_interval,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def coverage(interval, draw, truth, trials):
    found = [interval(draw()) for _ in range(trials)]
    return np.mean([low <= truth <= high for _, low, high, _, _ in found])


@pytest.mark.parametrize("n", [2, 4, 30])
def test_t_interval_equals_scipy(n, rng):
    x = rng.normal(size=n)
    wanted = stats.ttest_1samp(x, 0).confidence_interval(0.9)
    found = t_interval(x, level=0.9)
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high))
    assert standard_error(x) == pytest.approx(stats.sem(x))


def test_one_seed_has_no_interval_and_says_so():
    for interval in (t_interval, mean_interval):
        found = interval([0.3])
        assert (found.mean, found.low, found.high) == (0.3, -math.inf, math.inf)
        assert "no interval" in found.kind


def test_t_interval_covers_95_in_100_normal_samples_of_three(rng):
    assert coverage(t_interval, lambda: rng.normal(size=3), 0, 2000) == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize(("n", "least"), [(5, 0.89), (10, 0.92)])
def test_bootstrap_interval_covers_nearly_as_often_as_it_says(n, least, rng):
    assert coverage(bootstrap_interval, lambda: rng.normal(size=n), 0, 300) >= least


def test_without_expansion_the_bootstrap_of_five_would_be_too_narrow(rng):
    def plain(x):
        low, high = stats.bootstrap((x,), np.mean, n_resamples=999, random_state=rng).confidence_interval
        return None, low, high, None, None

    assert coverage(plain, lambda: rng.normal(size=5), 0, 300) < 0.88


def test_bootstrap_interval_follows_the_skew_of_the_scores():
    found = bootstrap_interval([0.1, 0.11, 0.12, 0.13, 0.14, 0.15, 0.9])
    assert found.high - found.mean > 1.5 * (found.mean - found.low)


def test_bootstrap_interval_is_the_same_on_every_call():
    scores = [0.1, 0.4, 0.2, 0.5, 0.3]
    assert bootstrap_interval(scores) == bootstrap_interval(scores)


@pytest.mark.parametrize(
    "scores", [[0.0, 0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 1.0, 1.0, 1.0, 1.0], [1e-9, 0.0, 0.0, 5.0, 5.0]]
)
def test_bootstrap_interval_of_bimodal_scores_is_finite(scores):
    found = bootstrap_interval(scores)
    assert min(scores) <= found.low <= found.mean <= found.high <= max(scores)


def test_equal_scores_have_an_interval_of_no_width():
    for n in (2, 5):
        found = mean_interval([0.25] * n)
        assert found.low == found.high == found.mean == 0.25


def test_the_kind_of_interval_changes_at_five_seeds():
    assert "t-interval" in mean_interval([1.0, 2.0, 3.0, 4.0]).kind
    assert "bootstrap" in mean_interval([1.0, 2.0, 3.0, 4.0, 5.0]).kind
    with pytest.raises(ValueError, match="at least 5"):
        bootstrap_interval([1.0, 2.0, 3.0, 4.0])


@pytest.mark.parametrize("scores", [[], [0.1, math.nan], [0.1, None], [math.inf]])
def test_failed_or_missing_runs_are_no_scores(scores):
    with pytest.raises(ValueError, match="scores"):
        mean_interval(scores)


@pytest.mark.parametrize(("k", "n"), [(0, 1), (0, 5), (3, 5), (5, 5), (7, 40)])
def test_wilson_equals_scipy(k, n):
    wanted = stats.binomtest(k, n).proportion_ci(0.9, method="wilson")
    found = wilson_interval(k, n, level=0.9)
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high), abs=1e-12)


def test_wilson_covers_on_average_what_it_says_by_enumeration():
    n, fractions = 10, np.linspace(0.005, 0.995, 199)
    bounds = [wilson_interval(k, n) for k in range(n + 1)]
    covers = [
        sum(stats.binom.pmf(k, n, p) for k in range(n + 1) if bounds[k].low <= p <= bounds[k].high) for p in fractions
    ]
    assert np.mean(covers) == pytest.approx(0.95, abs=0.01)


def test_newcombe_reproduces_the_example_of_its_paper():
    found = fraction_difference((56, 70), (48, 80))  # Newcombe 1998, table II, (a), method 10
    assert (round(found.low, 4), round(found.high, 4)) == (0.0524, 0.3339)


def test_newcombe_turns_with_its_arms():
    found, turned = fraction_difference((4, 7), (1, 5)), fraction_difference((1, 5), (4, 7))
    assert (found.low, found.high) == pytest.approx((-turned.high, -turned.low))


@pytest.mark.parametrize("n", [3, 5, 8, 10])
def test_newcombe_names_a_wrong_winner_at_most_eight_times_in_a_hundred_by_enumeration(n):
    apart = {(k, j) for k, j in product(range(n + 1), repeat=2) if fraction_difference((k, n), (j, n)).low > 0}
    for p in np.linspace(0.05, 0.95, 19):
        chance = 2 * sum(stats.binom.pmf(k, n, p) * stats.binom.pmf(j, n, p) for k, j in apart)
        assert chance <= 0.08


@pytest.mark.parametrize(("k", "n"), [(3, 2), (-1, 5), (0, 0)])
def test_impossible_fractions_are_refused(k, n):
    with pytest.raises(ValueError, match="between 0 and n"):
        wilson_interval(k, n)


def test_probability_of_improvement_is_the_mann_whitney_statistic(rng):
    a, b = rng.integers(6, size=9).astype(float), rng.integers(6, size=7).astype(float)
    u = stats.mannwhitneyu(a, b).statistic
    assert probability_of_improvement(a, b, lower_is_better=False) == pytest.approx(u / 63)
    assert probability_of_improvement(a, b, lower_is_better=True) == pytest.approx(1 - u / 63)


@pytest.mark.parametrize("lower_is_better", [True, False])
def test_a_failed_run_loses_to_every_finite_score_and_ties_with_another(lower_is_better):
    worst = 1e9 if lower_is_better else -1e9
    assert probability_of_improvement([math.nan], [worst], lower_is_better=lower_is_better) == 0
    assert probability_of_improvement([None], [math.inf], lower_is_better=lower_is_better) == 0.5
