import math

import numpy as np
import pytest

from statewise.metrics import paired_hierarchical_bootstrap


def effects(rng, seeds, examples, by_seed, by_example):
    """Differences whose luck lies in the seeds, in the examples, and in both together; their true mean is 0."""
    noise = rng.normal(size=(seeds, examples))
    return by_seed * rng.normal(size=(seeds, 1)) + by_example * rng.normal(size=(1, examples)) + noise


def width(interval):
    return interval.high - interval.low


@pytest.mark.parametrize("examples", ["shared", "fresh"])
def test_it_covers_when_luck_lies_in_the_seeds(examples):
    rng, hits = np.random.default_rng(0), 0
    for _ in range(200):
        d = effects(rng, 6, 20, by_seed=1.0, by_example=0.0)
        found = paired_hierarchical_bootstrap(d, np.zeros_like(d), examples=examples, resamples=400)
        hits += found.low <= 0 <= found.high
    assert hits / 200 >= 0.9


def test_luck_of_a_shared_test_set_does_not_average_out_over_seeds():
    rng, hits = np.random.default_rng(1), {"shared": 0, "fresh": 0}
    for _ in range(100):
        d = effects(rng, 6, 20, by_seed=0.0, by_example=2.0)
        for examples in hits:
            found = paired_hierarchical_bootstrap(d, np.zeros_like(d), examples=examples, resamples=400)
            hits[examples] += found.low <= 0 <= found.high
    assert hits["shared"] >= 90
    assert hits["fresh"] < 80


def test_many_examples_do_not_stand_in_for_many_seeds():
    rng = np.random.default_rng(2)
    d = effects(rng, 5, 2000, by_seed=1.0, by_example=0.0)
    pseudo_replicated = 2 * 1.96 * d.std() / math.sqrt(d.size)
    assert width(paired_hierarchical_bootstrap(d, 0 * d, examples="fresh", resamples=200)) > 10 * pseudo_replicated


def test_pairs_cancel_and_arms_turn_the_sign():
    rng = np.random.default_rng(3)
    a = rng.normal(size=(5, 30))
    found = paired_hierarchical_bootstrap(a, a + 1, examples="shared")
    assert found[:3] == pytest.approx((-1, -1, -1))
    b = rng.normal(size=(5, 30))
    one, other = (paired_hierarchical_bootstrap(*pair, examples="shared") for pair in ((a, b), (b, a)))
    assert one.mean == pytest.approx(-other.mean)
    assert one.low == pytest.approx(-other.high, abs=0.1 * width(one))


def test_one_seed_has_no_interval():
    assert paired_hierarchical_bootstrap([[1.0, 2.0]], [[0.0, 0.0]], examples="shared").low == -math.inf


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match="same shape"):
        paired_hierarchical_bootstrap(np.zeros((2, 3)), np.zeros((3, 2)), examples="fresh")
