import math
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from statewise.metrics import decide_solved

from .collected import decide

SEEDS = np.array([0.00, 0.02, -0.01, 0.01, -0.02])
WOBBLE = np.array([0.001, -0.001, 0.0, 0.001, -0.001])


def test_winner_tie_and_undecided():
    arms = {"c": 0.9 + SEEDS, "a": 0.5 + SEEDS + WOBBLE, "b": 0.8 + SEEDS}
    assert decide(arms, lower_is_better=True, margin=0.05)[:2] == ("winner", ("a",))
    assert decide(arms, lower_is_better=False, margin=0.05)[:2] == ("winner", ("c",))
    arms["b"] = 0.51 + SEEDS
    assert decide(arms, lower_is_better=True, margin=0.05)[:2] == ("tie", ("a", "b"))
    arms["b"] = 0.55 + SEEDS
    assert decide(arms, lower_is_better=True, margin=0.05)[:2] == ("undecided", ("a", "b"))


def test_the_order_of_the_arms_does_not_matter():
    rng = np.random.default_rng(0)
    arms = {label: rng.normal(size=5) + i for i, label in enumerate("abcd")}
    turned = dict(reversed(arms.items()))
    for lower_is_better in (True, False):
        one, other = (decide(x, lower_is_better=lower_is_better) for x in (arms, turned))
        assert (one.verdict, set(one.arms), one.more_seeds) == (other.verdict, set(other.arms), other.more_seeds)


@pytest.mark.parametrize("arms", [2, 3, 6])
@pytest.mark.parametrize("n", [3, 5])
def test_equally_good_arms_have_a_winner_at_most_one_time_in_twenty(arms, n):
    rng, trials = np.random.default_rng(arms * n), 300
    winners = sum(
        decide({str(i): rng.normal(size=n) for i in range(arms)}, lower_is_better=True).verdict == "winner"
        for _ in range(trials)
    )
    assert stats.binomtest(winners, trials, 0.05, alternative="greater").pvalue > 0.001


def test_the_best_arm_is_seldom_thrown_out_of_the_race():
    rng, trials, lost = np.random.default_rng(1), 300, 0
    for _ in range(trials):
        scores = {str(i): rng.normal(size=5) - 0.2 * (i == 0) for i in range(6)}
        lost += "0" not in decide(scores, lower_is_better=True).arms
    assert stats.binomtest(lost, trials, 0.05, alternative="greater").pvalue > 0.001


def test_several_claims_at_once_need_more_evidence_than_one():
    best, rival = [0.0] * 5, [0.16, 0.36, 0.56, 0.26, 0.08]
    one = decide({"a": best, "b": rival}, lower_is_better=True)
    three = decide({"a": best, "b": rival, "c": rival, "d": rival}, lower_is_better=True)
    assert 0.05 / 3 < one.comparisons["b"].p_value < 0.05
    assert (one.verdict, three.verdict) == ("winner", "undecided")
    assert {pair.verdict for pair in three.comparisons.values()} == {"a"}


def test_as_many_more_seeds_as_asked_for_usually_settle_it():
    rng = np.random.default_rng(2)
    found = decide({"a": 0.1 + SEEDS + 5 * WOBBLE * [1, -1, 1, -1, 1], "b": 0.105 + SEEDS}, lower_is_better=True)
    assert found.verdict == "undecided"
    assert found.more_seeds >= 1
    assert f"{found.more_seeds} more seeds" in found.reason
    pair = found.comparisons["b"]
    n, deviation = pair.n + found.more_seeds, (pair.high - pair.low) / 2 / stats.t.ppf(0.975, 4) * math.sqrt(5)
    settled = [
        decide({"a": pair.difference + deviation * rng.normal(size=n), "b": np.zeros(n)}, lower_is_better=True).verdict
        for _ in range(200)
    ]
    assert settled.count("winner") / 200 == pytest.approx(0.8, abs=0.1)


def test_one_seed_is_undecided_and_the_reason_says_so():
    found = decide({"a": [0.1], "b": [0.9]}, lower_is_better=True)
    assert found[:3] == ("undecided", ("a", "b"), None)
    assert "1 seed" in found.reason


def test_arms_that_never_finished_are_left_out_and_named():
    found = decide({"a": 0.1 + SEEDS, "b": 0.9 + SEEDS, "crashed": [None] * 5}, lower_is_better=True)
    assert found[:2] == ("winner", ("a",))
    assert "crashed" in found.reason
    assert "crashed" not in found.comparisons


def test_a_failed_seed_costs_the_stated_worst_for_every_arm():
    arms = {"a": [0.1, 0.1, 0.1, None], "b": [0.2, 0.2, 0.2, 0.2]}
    assert decide(arms, lower_is_better=True, worst=5.0).arms[0] == "b"
    assert decide(arms, lower_is_better=True, worst=0.21).arms[0] == "a"


def test_nothing_to_compare():
    assert decide({"a": [0.1, 0.2]}, lower_is_better=True)[:2] == ("undecided", ("a",))
    assert decide({"a": [None], "b": [math.nan]}, lower_is_better=True)[:2] == ("undecided", ())
    with pytest.raises(ValueError, match="must be an arm"):
        decide({}, lower_is_better=True)


def test_solved_fractions_decide_where_outcomes_are_all_or_nothing():
    assert decide_solved({"rnn": [False] * 5, "ntm": [True] * 5})[:2] == ("winner", ("ntm",))
    found = decide_solved({"lstm": [True, True, False, False, False], "ntm": [True, True, True, True, False]})
    assert found[:2] == ("undecided", ("ntm", "lstm"))
    assert found.more_seeds >= 1
    assert decide_solved({"a": [True] * 200, "b": [True] * 200}, margin=0.1)[:2] == ("tie", ("a", "b"))


def test_an_arm_without_seeds_is_refused():
    with pytest.raises(ValueError, match="at least one seed"):
        decide_solved({"a": [True], "b": []})


def test_importing_the_package_loads_neither_torch_nor_scipy():
    script = "import sys, statewise.metrics; print(sorted({'torch', 'numpy', 'scipy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout == "[]\n"


def test_a_verdict_needs_no_torch():
    script = "import sys; from statewise.metrics import decide; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout == "False\n"
