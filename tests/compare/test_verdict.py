"""One price of failure, a margin fixed before, and words that say how firm they are."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from statewise.compare.arm_result import _reach, _score
from statewise.compare.config import CompareConfig
from statewise.compare.hypotheses import check_labels, check_margin, judge, read_hypothesis
from statewise.compare.outcomes import Outcomes, collect_outcomes
from statewise.compare.result import Baseline
from statewise.compare.run import complete_comparison
from statewise.compare.verdict import pair_up, recommend
from statewise.errors import UserError
from statewise.tasks.computing import Parity
from statewise.tasks.scores import Metric
from statewise.train.config import TrainConfig
from statewise.workbench import WORKBENCH


def task(*, chance: float | None = None, bimodal: bool = False):
    made = Parity(longest=4, evaluation_sequences=4)
    made.primary = Metric("loss", "nats", lower_is_better=True)  # type: ignore[misc]
    made.bimodal = bimodal
    made.chance = lambda: chance  # type: ignore[method-assign,assignment,return-value]
    return made


def record(label: str, scores: list[float | None], **changes):
    seeds = [
        {"seed": n, "status": "failed" if s is None else "ok", "test": s, "reason": "crash" if s is None else None}
        for n, s in enumerate(scores)
    ]
    train = TrainConfig()
    setup = SimpleNamespace(train=train)
    arm = SimpleNamespace(label=label, reason=None, companion=False, idle=(), setup=setup, **changes)
    return SimpleNamespace(arm=arm, chosen=arm, tuning=[], seeds=seeds, measured=None)


def outcomes(config: CompareConfig | None = None, *, chance: float | None = None, **arms) -> tuple[Outcomes, list]:
    records = [record(label, scores) for label, scores in arms.items()]
    config = config or CompareConfig(margin=0.0)
    return collect_outcomes(config, task(chance=chance), records), records  # type: ignore[arg-type]


def test_a_failed_run_has_one_price_in_table_ranking_and_pairs():
    found, _ = outcomes(a=[1.0, None, 1.02], b=[1.1, 1.12, 1.9])
    assert _score(found, "a").mean == pytest.approx((1.0 + 1.9 + 1.02) / 3)
    decision = found.decide()
    assert decision is not None
    leader, rival = decision.arms[0], next(iter(decision.comparisons))
    pair = decision.comparisons[rival]
    assert pair.difference == pytest.approx(found.mean(leader) - found.mean(rival))
    (told,) = pair_up(found, decision)
    assert told.difference == pytest.approx(_score(found, leader).mean - _score(found, rival).mean)


def test_a_failed_run_counts_as_chance_where_that_is_worse():
    found, _ = outcomes(chance=3.0, a=[1.0, None], b=[1.1, 1.2])
    assert found.mean("a") == pytest.approx(2.0)


def test_the_margin_is_the_tasks_unless_said_and_does_not_depend_on_scores():
    config, language = complete_comparison(
        CompareConfig(task="language", task_options={"source": "embedded"}), WORKBENCH
    )
    assert config.margin == language.margin == 0.01
    said, _ = complete_comparison(replace(config, margin=0.2), WORKBENCH)
    assert said.margin == 0.2
    with pytest.raises(UserError, match="margin"):
        replace(config, margin=-1.0)


def test_arms_within_the_margin_tie_and_the_margin_is_stated():
    near = {"a": [1.000, 1.001, 1.000, 1.001], "b": [1.004, 1.003, 1.004, 1.004]}
    wide, narrow = CompareConfig(margin=0.01), CompareConfig(margin=0.0)
    assert outcomes(wide, **near)[0].decide().verdict == "tie"  # type: ignore[union-attr]
    assert outcomes(narrow, **near)[0].decide().verdict == "winner"  # type: ignore[union-attr]
    found, records = outcomes(wide, **near)
    said = recommend(wide, found, records, [], found.decide())
    assert any("from 0.01 in loss (nats) on" in sentence for sentence in said.rests_on)


@pytest.mark.parametrize(("seeds", "provisional"), [(4, True), (9, True), (10, False)])
def test_fewer_than_ten_seeds_make_a_provisional_headline(seeds: int, provisional: bool):
    draw = np.random.default_rng(0)
    config = CompareConfig(seeds=seeds, margin=0.0)
    arms = {"a": (1 + 0.01 * draw.normal(size=seeds)).tolist(), "b": (2 + 0.01 * draw.normal(size=seeds)).tolist()}
    found, records = outcomes(config, **arms)
    said = recommend(config, found, records, [], found.decide())
    assert said.verdict == "winner"
    assert ("Provisional" in said.headline) == provisional
    assert said.provisional == provisional


def test_a_baseline_that_no_arm_beats_comes_first_and_is_said_to_be_the_better_choice():
    config = CompareConfig(seeds=3, margin=0.0)
    found, records = outcomes(config, a=[2.0, 2.01, 2.0], b=[2.5, 2.52, 2.51])
    rules = [Baseline(name, "", score, {}) for name, score in (("2-grams", 2.3), ("5-grams", 1.9), ("unigrams", 3.0))]
    said = recommend(config, found, records, rules, found.decide())
    assert said.beaten
    assert said.headline.startswith("No arm beats 5-grams: 1.9 against 2.003 at best. Of the arms: take a. Provisional")
    assert "No arm scored better than 5-grams (1.9, no training)." in said.rests_on
    assert "b scored no better than 2-grams (2.3, no training)." in said.rests_on
    assert "Every arm scored better than unigrams (3, no training)." in said.rests_on
    said = recommend(config, found, records, rules[2:], found.decide())
    assert not said.beaten
    assert said.headline.startswith("Take a.")


def test_an_arm_whose_interval_holds_what_it_is_held_against_is_not_called_better():
    config = CompareConfig(seeds=3, margin=0.0)
    found, records = outcomes(config, sure=[1.0, 1.01, 1.0], unsure=[1.5, 2.5, 1.7], worse=[3.0, 3.0, 3.1])
    rules = [Baseline(name, "", score, {}) for name, score in (("chance", 2.0), ("last value", 9.0))]
    told = recommend(config, found, records, rules, found.decide()).rests_on
    assert "worse scored no better than chance (2, no training)." in told
    assert "By the intervals of their scores, unsure may be no better than chance (2, no training)." in told
    assert "Every arm scored better than last value (9, no training)." in told
    single, records = outcomes(replace(config, seeds=1), a=[1.0])
    told = recommend(config, single, records, rules, single.decide()).rests_on
    assert "Every arm scored better than chance (2, no training) and last value (9, no training)." in told


@pytest.mark.parametrize(("seeds", "words"), [(1, "1 fresh seed an arm"), (2, "2 fresh seeds an arm")])
def test_one_seed_is_not_many(seeds: int, words: str):
    config = CompareConfig(seeds=seeds, margin=0.0)
    found, records = outcomes(config, a=[1.0] * seeds, b=[2.0] * seeds)
    told = " ".join(recommend(config, found, records, [], found.decide()).rests_on)
    assert words in told
    assert "(s)" not in told


def test_hypotheses_come_back_supported_refuted_or_undecided():
    scores = {"a": [1.0, 1.01, 1.0, 1.01], "b": [2.0, 2.02, 2.01, 2.0], "c": [1.0, 3.0, 0.5, 2.0]}
    found, _ = outcomes(CompareConfig(margin=0.1), **scores)
    expected = {
        "a > b": "supported",
        "b > a": "refuted",
        "a = b": "refuted",
        "a = a": "supported",
        "a > c": "undecided",
    }
    for statement, verdict in expected.items():
        hypothesis = read_hypothesis(statement)
        assert judge(hypothesis, found.compare(hypothesis.a, hypothesis.b), "loss").verdict == verdict, statement
    assert judge(read_hypothesis("a > b"), None, "loss").verdict == "undecided"


def test_why_a_difference_is_none_is_said():
    scores = {"a": [1.0, 1.01, 1.0, 1.01], "b": [1.02, 1.04, 1.02, 1.04]}
    for margin, verdict, said in ((0.025, "undecided", ", where up to 0.025 counts as none"), (0.0, "supported", "")):
        found, _ = outcomes(CompareConfig(margin=margin), **scores)
        judged = judge(read_hypothesis("a > b"), found.compare("a", "b"), found.unit)
        assert judged.verdict == verdict
        assert f"lower is better{said} (" in judged.evidence


@pytest.mark.parametrize("lower_is_better", [True, False])
def test_more_seeds_that_solve_it_are_better_whichever_way_the_score_reads(lower_is_better: bool):
    solve, miss = ([0.0] * 5, [1.0] * 5) if lower_is_better else ([1.0] * 5, [0.0] * 5)
    bimodal = task(bimodal=True)
    bimodal.primary = Metric("score", "units", lower_is_better=lower_is_better)  # type: ignore[misc]
    bimodal.solved_at = 0.5
    records = [record("solves", solve), record("misses", miss), record("misses too", miss)]
    found = collect_outcomes(CompareConfig(margin=0.0), bimodal, records)  # type: ignore[arg-type]
    pair = found.compare("solves", "misses")
    assert (pair.verdict, pair.difference) == ("a", 1.0)
    assert judge(read_hypothesis("solves > misses"), pair, "").verdict == "supported"
    assert judge(read_hypothesis("misses > solves"), found.compare("misses", "solves"), "").verdict == "refuted"
    decision = found.decide()
    assert decision is not None
    assert {told.verdict for told in pair_up(found, decision) if told.a == "solves"} == {"a"}


def test_two_arms_cannot_be_shown_to_be_equal_where_any_difference_counts():
    with pytest.raises(UserError, match=r"'a = b' with a margin of 0.*--margin"):
        check_margin([read_hypothesis("b > a"), read_hypothesis("a = b")], 0.0)
    check_margin([read_hypothesis("a = b")], 0.1)
    check_margin([read_hypothesis("a > b")], 0.0)


def test_a_hypothesis_that_cannot_be_read_or_names_no_arm_is_refused():
    with pytest.raises(UserError, match="cannot be read"):
        read_hypothesis("a is better")
    with pytest.raises(UserError, match="names no arm 'z'"):
        check_labels([read_hypothesis("a > z")], ["a", "b"])


def test_the_reach_is_the_longest_length_held_throughout_and_the_area_beyond_the_training():
    accuracy = {"10": 1.0, "20": 0.95, "40": 0.5, "80": 0.92}
    arm = SimpleNamespace(seeds=[{"by_length": accuracy}, {"by_length": {}}, {}])
    reach = _reach(arm, SimpleNamespace(train_lengths=(10, 20)))  # type: ignore[arg-type]
    assert reach.longest == 20
    assert reach.beyond == pytest.approx(((0.95 + 0.5) / 2 + (0.5 + 0.92) / 2) / 2)


def test_of_arms_that_solved_equally_often_the_better_score_leads():
    records = [record("far", [0.9, 0.9, 0.9]), record("near", [0.2, 0.2, 0.2])]
    made = task(bimodal=True)
    made.solved_at = 0.01
    config = CompareConfig(margin=0.0)
    found = collect_outcomes(config, made, records)  # type: ignore[arg-type]
    decision = found.decide()
    assert decision is not None
    assert decision.arms[0] == "near"
    assert "near came nearest" in recommend(config, found, records, [], decision).headline  # type: ignore[arg-type]


def test_times_measured_on_a_busy_machine_are_named():
    found, records = outcomes(CompareConfig(seeds=2, margin=0.0), a=[1.0, 1.0], b=[2.0, 2.0], c=[3.0, 3.0])
    for record, waited in zip(records, (0.37, 0.02, None), strict=True):
        record.measured = waited and {"waited": waited, "busy": waited > 0.1}
    told = recommend(CompareConfig(seeds=2), found, records, [], found.decide()).rests_on
    (busy,) = [sentence for sentence in told if "busy" in sentence]
    assert "marked with *" in busy
    assert "those of a (37% of the time)." in busy
    records[0].measured["busy"] = False
    assert "busy" not in " ".join(recommend(CompareConfig(seeds=2), found, records, [], found.decide()).rests_on)


def test_what_has_no_effect_on_an_arm_and_solvers_that_did_not_converge_are_told():
    found, records = outcomes(CompareConfig(seeds=2, margin=0.0), a=[1.0, 1.0], b=[2.0, 2.0], c=[3.0, 3.0])
    for record in records[:2]:
        record.arm.idle = ("l2=0.1 has no effect with readout=ridge",)
    for seed, unsolved in zip(records[2].seeds, (0.25, 0.5), strict=True):
        seed["solver"] = {"unsolved": unsolved, "largest_residual": 0.3, "steps": 40, "mend": "do this"}
    records[0].seeds[0]["solver"] = {"unsolved": 0.0, "largest_residual": 1e-9, "steps": 40, "mend": ""}
    told = recommend(CompareConfig(seeds=2), found, records, [], found.decide()).rests_on
    assert "l2=0.1 has no effect with readout=ridge, which a, b had." in told
    (worst,) = [sentence for sentence in told if "did not converge" in sentence]
    assert worst == "c: the solver did not converge at 50.0% of 40 steps looked at, largest residual 0.3; do this."
