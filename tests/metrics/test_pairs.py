import math

import numpy as np
import pytest
from scipy import stats

from statewise.metrics import Rule, compare_solved, seeds_for_difference, seeds_for_fractions

from .collected import compare_pair

ANY = Rule()

NULLS = {
    "normal": lambda rng, n: rng.normal(size=n),
    "skewed": lambda rng, n: rng.lognormal(sigma=1.5, size=n),
    "bimodal": lambda rng, n: (rng.random(n) < 0.5) + 0.01 * rng.normal(size=n),
    "two values": lambda rng, n: (rng.random(n) < 0.5).astype(float),
}


@pytest.mark.parametrize("draw", NULLS.values(), ids=NULLS.keys())
@pytest.mark.parametrize("n", [3, 5, 10])
def test_two_equally_good_arms_have_a_winner_at_most_one_time_in_twenty(n, draw):
    rng, trials = np.random.default_rng(n), 600
    winners = sum(
        compare_pair(draw(rng, n), draw(rng, n), lower_is_better=True).verdict in ("a", "b") for _ in range(trials)
    )
    assert stats.binomtest(winners, trials, 0.05, alternative="greater").pvalue > 0.001


@pytest.mark.parametrize("difference", [0.5, -0.5])
def test_arms_that_differ_by_the_margin_are_seldom_called_tied_or_apart(difference):
    rng, verdicts = np.random.default_rng(0), []
    for _ in range(600):
        a, b = rng.normal(size=(2, 8))
        verdicts.append(compare_pair(0.2 * a + difference, 0.2 * b, lower_is_better=True, margin=0.5).verdict)
    for verdict in ("tie", "a", "b"):
        assert verdicts.count(verdict) <= 0.045 * 600


def test_the_four_verdicts():
    base = np.array([0.50, 0.52, 0.48, 0.51, 0.49])
    wobble = np.array([0.001, -0.001, 0.0, 0.001, -0.001])
    assert compare_pair(base - 0.2 + wobble, base, lower_is_better=True, margin=0.05).verdict == "a"
    assert compare_pair(base + 0.2 + wobble, base, lower_is_better=True, margin=0.05).verdict == "b"
    assert compare_pair(base + wobble, base, lower_is_better=True, margin=0.05).verdict == "tie"
    assert compare_pair(base + 0.05 + wobble, base, lower_is_better=True, margin=0.05).verdict == "undecided"


@pytest.mark.parametrize("margin", [0.0, 0.3])
def test_turning_the_arms_turns_sign_and_winner(margin):
    rng = np.random.default_rng(1)
    other = {"a": "b", "b": "a", "tie": "tie", "undecided": "undecided"}
    for shift in (0.0, 0.2, 1.0):
        a, b = 0.2 * rng.normal(size=(2, 6)) + [[shift], [0.0]]
        one = compare_pair(a, b, lower_is_better=True, margin=margin)
        turned = compare_pair(b, a, lower_is_better=True, margin=margin)
        assert (one.difference, one.low, one.high) == pytest.approx((-turned.difference, -turned.high, -turned.low))
        assert one.probability_of_improvement == pytest.approx(1 - turned.probability_of_improvement)
        assert turned.verdict == other[one.verdict]
        up = compare_pair(a, b, lower_is_better=False, margin=margin)
        assert up.verdict == other[one.verdict]
        assert up[:3] == one[:3]
        assert up.probability_of_improvement == pytest.approx(1 - one.probability_of_improvement)


def test_the_p_value_agrees_with_scipy_and_with_the_interval():
    rng = np.random.default_rng(2)
    for _ in range(50):
        a, b = rng.normal(loc=1.0, size=5), rng.normal(size=5)
        pair = compare_pair(a, b, lower_is_better=False)
        assert pair.p_value == pytest.approx(stats.ttest_rel(a, b).pvalue)
        with_margin = compare_pair(a, b, lower_is_better=False, margin=0.3)
        assert (with_margin.p_value < 0.05) == (with_margin.verdict in ("a", "b"))


def test_one_seed_is_undecided_and_says_that_there_is_no_interval():
    pair = compare_pair([0.1], [0.9], lower_is_better=True, margin=0.01)
    assert (pair.verdict, pair.n, pair.seeds_needed) == ("undecided", 1, None)
    assert "no interval" in pair.kind


def test_two_seeds_decide_nothing_however_alike():
    assert compare_pair([0.1, 0.1], [0.9, 0.9], lower_is_better=True).verdict == "undecided"


def test_identical_scores_tie_at_any_margin():
    scores = [0.1, 0.2, 0.3]
    pair = compare_pair(scores, scores, lower_is_better=True)
    assert (pair.verdict, pair.difference, pair.probability_of_improvement) == ("tie", 0.0, 0.5)


def test_a_constant_difference_is_decided_by_its_size():
    assert compare_pair([1.0] * 3, [0.5] * 3, lower_is_better=False).verdict == "a"
    assert compare_pair([1.0] * 3, [0.5] * 3, lower_is_better=False, margin=1.0).verdict == "tie"


def test_failed_seeds_count_as_the_stated_worst():
    pair = compare_pair([0.1, 0.1, None], [0.2, 0.2, 0.2], lower_is_better=True, worst=0.9)
    assert pair.difference == pytest.approx(np.mean([0.1, 0.1, 0.9]) - 0.2)
    assert pair.probability_of_improvement == pytest.approx(2 / 3)


def test_an_arm_with_more_failures_is_not_preferred_while_failures_have_no_price():
    a, b = [0.10, 0.11, 0.10, 0.12, 0.10, 0.11, 0.10, 0.10, 0.11, None], [0.3] * 10
    pair = compare_pair(a, b, lower_is_better=True)
    assert pair.high < 0
    assert (pair.verdict, "failed" in pair.caveat) == ("undecided", True)
    assert compare_pair(a, b, lower_is_better=True, worst=0.35).verdict == "a"
    assert compare_pair(a, b, lower_is_better=True, worst=9.0).verdict == "undecided"


def test_a_failure_does_not_save_the_worse_arm():
    a, b = [0.10, 0.11, 0.10, 0.12], [0.30, 0.31, None, 0.30]
    assert compare_pair(a, b, lower_is_better=True).verdict == "a"


def test_two_arms_that_never_finished_are_undecided():
    pair = compare_pair([None] * 3, [math.nan] * 3, lower_is_better=True)
    assert (pair.verdict, pair.probability_of_improvement) == ("undecided", 0.5)
    assert math.isnan(pair.difference)


@pytest.mark.parametrize("wrong", [{"margin": -0.1}, {"margin": math.nan}, {"level": 1.0}, {"level": 95}])
def test_impossible_margins_and_levels_are_refused(wrong):
    with pytest.raises(ValueError, match=r"margin|level"):
        compare_pair([1.0, 2.0], [1.0, 2.0], lower_is_better=True, **wrong)


def test_unpaired_or_missing_seeds_are_refused():
    with pytest.raises(ValueError, match="same seeds"):
        compare_pair([1.0, 2.0], [1.0], lower_is_better=True)
    with pytest.raises(ValueError, match="at least one run"):
        compare_pair([], [], lower_is_better=True)


def test_as_many_seeds_as_estimated_reach_the_promised_power():
    rng, wanted = np.random.default_rng(3), seeds_for_difference(gap=1.0, deviation=math.sqrt(2))
    decided = [
        compare_pair(rng.normal(size=wanted) + 1, rng.normal(size=wanted), lower_is_better=False).verdict == "a"
        for _ in range(500)
    ]
    assert np.mean(decided) == pytest.approx(0.8, abs=0.06)


def test_the_power_of_the_estimate_is_scipys_noncentral_t():
    for gap in (0.3, 0.7, 1.5):
        n = seeds_for_difference(gap, 1.0)
        powers = [stats.nct.sf(stats.t.ppf(0.975, m - 1), m - 1, gap * math.sqrt(m)) for m in (n - 1, n)]
        assert powers[0] < 0.8 <= powers[1]


def test_seeds_needed_fall_with_the_gap_and_grow_with_the_noise():
    needed = [seeds_for_difference(gap, 1.0) for gap in (0.2, 0.5, 1.0, 5.0, 1e9)]
    assert needed == sorted(needed, reverse=True)
    assert needed[-1] == 3
    assert seeds_for_difference(1.0, 0.0) == 3
    for hopeless in ((0.0, 1.0), (0.0, 0.0), (1e-6, 1.0), (1.0, math.nan)):
        assert seeds_for_difference(*hopeless) is None


def test_as_many_seeds_as_estimated_tell_fractions_apart():
    rng, n = np.random.default_rng(4), seeds_for_fractions(0.8, 0.2)
    decided = [compare_solved(rng.random(n) < 0.8, rng.random(n) < 0.2, ANY).verdict == "a" for _ in range(500)]
    assert np.mean(decided) >= 0.75
    assert seeds_for_fractions(0.5, 0.5) is None
    assert seeds_for_fractions(1.0, 1.0, margin=0.2) is not None


def test_solved_fractions_turn_with_their_arms_and_agree_with_their_p_value():
    for k in range(6):
        for j in range(6):
            a, b = [i < k for i in range(5)], [i < j for i in range(5)]
            one, turned = compare_solved(a, b, ANY), compare_solved(b, a, ANY)
            assert one.difference == pytest.approx(-turned.difference)
            assert {one.verdict, turned.verdict} in ({"a", "b"}, {"undecided"})
            assert (one.p_value < 0.05) == (one.verdict != "undecided")
            assert one.p_value == pytest.approx(turned.p_value)
            assert one.probability_of_improvement == pytest.approx(0.5 + (k - j) / 10)
