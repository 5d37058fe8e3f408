import math
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from statewise.metrics import (
    count_failures,
    expected_best,
    fill_failures,
    holm,
    median_steps,
)


@pytest.mark.parametrize("lower_is_better", [True, False])
def test_expected_best_is_the_mean_over_all_subsets(lower_is_better):
    scores = np.random.default_rng(0).normal(size=7)
    best = min if lower_is_better else max
    wanted = [np.mean([best(drawn) for drawn in combinations(scores, k)]) for k in range(1, 8)]
    assert expected_best(scores, lower_is_better=lower_is_better) == pytest.approx(wanted)


def test_expected_best_is_unbiased():
    rng = np.random.default_rng(1)
    curves = [expected_best(rng.uniform(size=6), lower_is_better=True) for _ in range(3000)]
    assert np.mean(curves, axis=0) == pytest.approx([1 / (k + 1) for k in range(1, 7)], abs=0.01)


def kaplan_meier_median(steps, solved):
    surviving = 1.0
    for t in sorted(set(steps)):
        running = sum(s >= t for s in steps)
        surviving *= 1 - sum(s == t and ok for s, ok in zip(steps, solved, strict=True)) / running
        if surviving <= 0.5 + 1e-12:
            return t
    return None


def test_median_steps_is_the_kaplan_meier_median():
    rng = np.random.default_rng(2)
    for _ in range(200):
        n = int(rng.integers(1, 12))
        steps, solved = rng.integers(1, 9, size=n).tolist(), (rng.random(n) < 0.7).tolist()
        assert median_steps(steps, solved) == kaplan_meier_median(steps, solved)


def test_median_steps_without_censoring_is_the_lower_median():
    assert median_steps([4, 1, 3, 2], [True] * 4) == 2


def test_dropping_the_unsolved_runs_would_flatter():
    assert median_steps([10, 500, 500], [True, True, False]) == 500
    assert median_steps([500, 500], [False, False]) is None


def test_median_steps_needs_one_step_count_a_run():
    with pytest.raises(ValueError, match="one step count a run"):
        median_steps([1, 2], [True])


def holm_by_steps(p_values, alpha):
    """The step-down procedure as Holm states it: which hypotheses fall at level alpha."""
    fallen, order = set(), sorted(range(len(p_values)), key=p_values.__getitem__)
    for step, i in enumerate(order):
        if p_values[i] > alpha / (len(p_values) - step):
            break
        fallen.add(i)
    return fallen


def test_holm_rejects_what_the_step_down_procedure_rejects():
    rng = np.random.default_rng(4)
    for _ in range(100):
        p = (rng.random(5) ** 3).tolist()
        adjusted = holm(p)
        for alpha in (0.01, 0.05, 0.2):
            assert {i for i, value in enumerate(adjusted) if value <= alpha} == holm_by_steps(p, alpha)


def test_holm_keeps_false_claims_below_the_level():
    rng = np.random.default_rng(5)
    false_claims = sum(min(holm(rng.random(4))) <= 0.05 for _ in range(4000))
    assert stats.binomtest(false_claims, 4000, 0.05).pvalue > 0.001


@pytest.mark.parametrize(
    ("lower_is_better", "worst", "filled"),
    [(True, None, 3.0), (True, 9.0, 9.0), (True, 2.0, 3.0), (False, None, 1.0), (False, 0.0, 0.0)],
)
def test_failed_runs_take_the_worst_outcome_of_all_arms(lower_is_better, worst, filled):
    arms = fill_failures({"a": [1.0, math.nan], "b": [3.0, 2.0]}, lower_is_better=lower_is_better, worst=worst)
    assert arms["a"].tolist() == [1.0, filled]
    assert arms["b"].tolist() == [3.0, 2.0]


def test_every_kind_of_failure_is_counted():
    assert count_failures([1.0, None, math.nan, math.inf, -math.inf]) == 4
