"""Studies: what they refuse, and that every kind of statement can be supported, refuted and left undecided."""

from dataclasses import replace
from typing import Any

import pytest
from torch import nn

from statewise.catalog import CATALOG
from statewise.compare.arms import make_arms
from statewise.compare.config import CompareConfig
from statewise.compare.hypotheses import check_labels, read_hypothesis
from statewise.compare.presets import PRESETS
from statewise.compare.run import complete_comparison
from statewise.compare.statements import judge_statement
from statewise.compare.study import FailsMore, Part, SettingsOverCells, Study, Together
from statewise.contract import Tokens
from statewise.errors import UserError
from statewise.metrics.spread import spread_ratio
from statewise.models.config import ModelConfig
from statewise.models.resolve import build
from statewise.tasks.resolve import name_task
from statewise.workbench import WORKBENCH

CONFIG = CompareConfig(task="parity", models=("rnn", "gru"), hypotheses=("gru > rnn", "gru = rnn"))
PARTS = [part for study in PRESETS.values() for part in study.parts]
QUICK_PARTS = [part for study in PRESETS.values() for part in study.quick().parts]


def arm(label: str, tuning: list[float | None], seeds: list[float | None]) -> dict[str, Any]:
    trained = {
        kind: [{"status": "failed" if valid is None else "ok", "valid": valid} for valid in scores]
        for kind, scores in (("tuning", tuning), ("seeds", seeds))
    }
    return {"label": label, "status": "ok", "companion": False, **trained}


def result(arms: list[dict[str, Any]]) -> dict[str, Any]:
    primary = {"name": "loss", "lower_is_better": True, "chance": 2.0}
    task = {"primary": primary, "bimodal": False, "solved_at": 0.5}
    return {"task": task, "arms": arms, "config": {"trials": max(len(arm["tuning"]) for arm in arms)}}


def said(**verdicts: str) -> dict[str, Any]:
    hypotheses = [{"statement": name, "verdict": verdict, "said": "before"} for name, verdict in verdicts.items()]
    return {"hypotheses": hypotheses}


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (("supported", "supported"), "supported"),
        (("supported", "undecided"), "undecided"),
        (("undecided", "refuted"), "refuted"),
    ],
)
def test_together_is_what_the_weakest_of_its_hypotheses_is(verdicts: tuple[str, str], expected: str):
    results = {"near": said(x=verdicts[0], other="refuted"), "far": said(y=verdicts[1])}
    judged = judge_statement(Together("both", {"near": ("x",), "far": ("y",)}), results)
    assert judged.verdict == expected
    assert judged.said == "before"
    results["far"]["hypotheses"][0]["said"] = "after"
    assert judge_statement(Together("both", {"near": ("x",), "far": ("y",)}), results).said == "after"


MATTERS = SettingsOverCells("tuning matters", ("one",))


def test_settings_matter_more_where_they_spread_wider_than_the_arms_do():
    close, apart = [0.100 + 0.001 * k for k in range(8)], [0.1 + 0.1 * k for k in range(8)]
    wide, narrow = [0.1, 0.4, 0.7, 1.0], [0.50, 0.51, 0.52, 0.53]

    def judge(tuning: list[float], centres: list[float]) -> str:
        arms = [arm(f"arm{k}", list(tuning), [c, c + 0.001, c - 0.001]) for k, c in enumerate(centres)]
        return judge_statement(MATTERS, {"one": result(arms)}).verdict

    assert judge(wide, close) == "supported"
    assert judge(narrow, apart) == "refuted"
    assert judge([0.1, 0.3, 0.5, 0.7], apart) == "undecided"
    assert judge(wide, close[:7]) == "undecided"
    assert judge(wide[:3], close) == "undecided"


def test_trials_that_were_added_by_what_scored_best_do_not_count():
    arms = [arm(f"arm{k}", [0.10, 0.11, 0.12, 0.13, 0.9], [0.1 * k, 0.1 * k + 0.01]) for k in range(8)]
    counted, all_of_them = result(arms), result(arms)
    counted["config"]["trials"] = 4
    assert judge_statement(MATTERS, {"one": counted}).verdict == "refuted"
    assert judge_statement(MATTERS, {"one": all_of_them}).verdict == "undecided"


def test_a_failed_trial_counts_as_chance_in_the_spread_over_settings():
    arms = [arm(f"arm{k}", [0.1, 0.1, 0.1, None], [0.1, 0.1 + 0.01 * k]) for k in range(8)]
    judged = judge_statement(MATTERS, {"one": result(arms)})
    seeds = [[0.1, 0.1 + 0.01 * k] for k in range(8)]
    assert judged.verdict == "supported"
    assert f"spreads {spread_ratio([[0.1, 0.1, 0.1, 2.0]] * 8, seeds).mean:.3g} [" in judged.evidence


@pytest.mark.parametrize(
    ("deep", "shallow", "expected"),
    [(8, 0, "supported"), (0, 8, "refuted"), (1, 0, "undecided")],
)
def test_failures_are_counted_over_trials_and_seeds(deep: int, shallow: int, expected: str):
    arms = [arm(name, [None] * n + [0.1] * (8 - n), [0.1, 0.1]) for name, n in (("deep", deep), ("shallow", shallow))]
    judged = judge_statement(FailsMore("deep fails", "one", ("deep",), ("shallow",)), {"one": result(arms)})
    assert judged.verdict == expected
    assert f"{deep} of 10 trainings failed against {shallow} of 10" in judged.evidence


def test_of_a_task_that_is_solved_or_not_what_did_not_solve_it_has_failed():
    arms = [arm("deep", [None] + [1.9] * 7, [0.1, 1.9]), arm("shallow", [0.1] * 8, [0.1, 0.5])]
    found = result(arms)
    assert judge_statement(FailsMore("", "one", ("deep",), ("shallow",)), {"one": found}).verdict == "undecided"
    found["task"]["bimodal"] = True
    judged = judge_statement(FailsMore("deep fails", "one", ("deep",), ("shallow",)), {"one": found})
    assert judged.verdict == "supported"
    assert "9 of 10 trainings failed (1 broke off, 8 did not solve the task) against 0 of 10 (" in judged.evidence


def test_trials_beyond_the_range_are_no_failures_of_the_arm_that_looked_there():
    arms = [arm(name, [0.1] * 4 + [end] * 8, [0.1, 0.1]) for name, end in (("deep", None), ("shallow", 0.1))]
    found = result(arms)
    found["config"]["trials"] = 4
    judged = judge_statement(FailsMore("deep fails", "one", ("deep",), ("shallow",)), {"one": found})
    assert judged.verdict == "undecided"
    assert "0 of 6 trainings failed against 0 of 6" in judged.evidence


@pytest.mark.parametrize(
    ("statements", "sentence"),
    [
        ((Together("x", {"far": ("gru > rnn",)}),), "names no comparison 'far'"),
        ((Together("x", {"near": ("rnn > gru",)}),), "'rnn > gru' is no hypothesis"),
        ((SettingsOverCells("x", ("near", "far")),), "names no comparison 'far'"),
    ],
)
def test_a_statement_about_what_is_not_compared_is_refused(statements: Any, sentence: str):
    with pytest.raises(UserError, match=sentence):
        Study("s", "why?", (Part("near", "near", CONFIG),), statements)


def test_comparisons_of_one_name_are_refused():
    with pytest.raises(UserError, match="different names, got near, near"):
        Study("s", "why?", (Part("near", "near", CONFIG), Part("near", "again", CONFIG)))


def arms_of(config: CompareConfig) -> dict[str, ModelConfig]:
    """Label -> model of each arm, whose size is said so that none has to be solved."""
    name, options = name_task(config.task)
    small = replace(config, task=name, task_options={**options, **config.task_options})
    small, task = complete_comparison(replace(small, fixed=small.fixed | {"width": 8}), WORKBENCH)
    return {arm.label: arm.setup.model for arm in make_arms(small, task, WORKBENCH)}


@pytest.mark.parametrize("part", PARTS + QUICK_PARTS, ids=lambda part: part.name)
def test_every_comparison_of_the_presets_has_arms_that_its_hypotheses_name(part: Part):
    assert set(part.config.models) <= set(CATALOG)
    check_labels([read_hypothesis(statement) for statement in part.config.hypotheses], list(arms_of(part.config)))


def test_failures_name_arms_that_are_compared():
    for study in PRESETS.values():
        configs = {part.name: part.config for part in study.parts}
        for statement in study.statements:
            if isinstance(statement, FailsMore):
                assert {*statement.more, *statement.fewer} <= set(arms_of(configs[statement.comparison]))


def test_what_residuals_do_is_not_mixed_up_with_what_norms_do():
    (part,) = [part for part in PRESETS["depth"].parts if part.name == "residuals"]
    models = arms_of(part.config)
    assert {model.block for model in models.values()} == {"plain", "residual"}
    for model in models.values():
        built = build(model, Tokens(2), 2)
        assert not any(isinstance(module, nn.LayerNorm | nn.RMSNorm) for module in built.modules())
