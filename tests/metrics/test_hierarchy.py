import math

import numpy as np
import pytest
from scipy import stats

from statewise.metrics import Rule, collect_runs, compare_runs, hierarchical_error


def effects(rng, seeds, examples, by_seed, by_example):
    """Differences whose luck lies in the seeds, in the examples, and in both together; their true mean is 0."""
    noise = rng.normal(size=(seeds, examples))
    return by_seed * rng.normal(size=(seeds, 1)) + by_example * rng.normal(size=(1, examples)) + noise


def covered(by_seed, by_example, error, trials=300):
    """How often Student's interval with this error holds the truth."""
    rng, hits = np.random.default_rng(0), 0
    for _ in range(trials):
        d = effects(rng, 6, 40, by_seed, by_example)
        hits += abs(d.mean()) <= stats.t.ppf(0.975, 5) * error(d)
    return hits / trials


@pytest.mark.parametrize(("by_seed", "by_example"), [(1.0, 0.0), (0.0, 2.0), (0.5, 1.0)])
def test_it_covers_wherever_luck_lies(by_seed, by_example):
    assert covered(by_seed, by_example, lambda d: hierarchical_error(d, resamples=200)) >= 0.93


def test_luck_of_a_shared_test_set_does_not_average_out_over_seeds():
    seeds_alone = covered(0.0, 2.0, lambda d: d.mean(axis=1).std(ddof=1) / math.sqrt(len(d)))
    assert seeds_alone < 0.7


def test_many_examples_do_not_stand_in_for_many_seeds():
    d = effects(np.random.default_rng(2), 5, 2000, by_seed=1.0, by_example=0.0)
    assert hierarchical_error(d, resamples=200) > 10 * d.std() / math.sqrt(d.size)


def test_it_is_the_same_on_every_call_and_nothing_where_nothing_differs():
    d = effects(np.random.default_rng(3), 5, 30, 1.0, 1.0)
    assert hierarchical_error(d) == hierarchical_error(d)
    assert hierarchical_error(np.full((5, 30), 0.25)) == pytest.approx(0, abs=1e-12)


def compared(seeds, examples):
    rng = np.random.default_rng(4)
    rows = {label: rng.normal(size=(seeds, examples)) for label in "ab"}
    scores = {label: row.mean(axis=1).tolist() for label, row in rows.items()}
    given = {label: row.tolist() for label, row in rows.items()}
    runs = collect_runs(scores, lower_is_better=True, worst=None, examples=given)
    return compare_runs(runs["a"], runs["b"], Rule(), lower_is_better=True), rows


def test_a_pair_rests_on_seeds_and_test_examples_from_five_seeds_on():
    pair, rows = compared(5, 60)
    assert pair.kind == "paired hierarchical bootstrap, 5 seeds and 60 test examples"
    half = stats.t.ppf(0.975, 4) * hierarchical_error(rows["a"] - rows["b"])
    assert (pair.low, pair.high) == pytest.approx((pair.difference - half, pair.difference + half))
    assert (pair.p_value < 0.05) == (abs(pair.difference) > half)
    assert compared(4, 60)[0].kind == "paired t-interval, 4 seeds"


def test_a_failed_seed_stands_at_its_price_on_every_example():
    examples = {"a": [[0.0, 1.0]] * 4 + [[]], "b": [[2.0, 2.0]] * 5}
    runs = collect_runs({"a": [0.5] * 4 + [None], "b": [2.0] * 5}, lower_is_better=True, worst=9.0, examples=examples)
    assert runs["a"].examples is not None
    assert runs["a"].examples[4].tolist() == [9.0, 9.0]
    assert runs["a"].examples.mean(axis=1).tolist() == pytest.approx(runs["a"].filled.tolist())
