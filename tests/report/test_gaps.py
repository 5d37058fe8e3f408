"""Pages of what was not measured, failed, or is odd: sound, and honest about it."""

import copy
import re
from collections.abc import Callable
from typing import Any

import pytest

from statewise.report import render_comparison, render_run

from .page import Data, Page, assert_sound

OPTIONAL = [
    *("created", "command", "package_version", "config", "environment", "budget", "baselines", "pairs", "examples"),
    *("hypotheses", "arms", "arms.*.config", "arms.*.cost", "arms.*.tuning", "arms.*.seeds", "arms.*.score"),
    *("arms.*.solved", "arms.*.expected_best", "arms.*.paper", "arms.*.family", "arms.*.seeds.*.curve"),
    *("arms.*.seeds.*.by_length", "arms.*.seeds.*.training_seconds", "recommendation.arms", "recommendation.rests_on"),
    *("task.description", "task.train_lengths", "arms.*.score.kind"),
]


NULLABLE = [
    *("budget", "task.train_lengths", "task.solved_at", "task.primary.chance", "arms.*.reason", "arms.*.cost"),
    *("arms.*.cost.step_latency_us", "arms.*.cost.tokens_per_second", "arms.*.cost.peak_memory_mb"),
    *("arms.*.cost.state_bytes", "arms.*.cost.parameters.body", "arms.*.cost.flops_per_token", "arms.*.score"),
    *("arms.*.solved", "arms.*.solved.median_steps", "arms.*.score.low", "arms.*.tuning.*.valid"),
    *("arms.*.seeds.*.test", "arms.*.seeds.*.valid", "arms.*.seeds.*.curve.*.valid"),
    *("arms.*.seeds.*.curve.*.train_loss", "baselines.*.score", "pairs.*.difference", "pairs.*.low"),
    *("pairs.*.probability_of_improvement", "pairs.*.n", "arms.*.seeds.*.solved_step"),
]


def at(path: str, end: Callable[[Data, str], object]) -> Callable[[Data], None]:
    """A change of a field, ``*`` standing for every item of a list."""

    def change(data: Any, parts: list[str]) -> None:
        if parts[0] == "*":
            for item in data:
                change(item, parts[1:])
        elif len(parts) > 1:
            if data.get(parts[0]) is not None:
                change(data[parts[0]], parts[1:])
        elif parts[0] in data:
            end(data, parts[0])

    return lambda data: change(data, path.split("."))


def without(path: str) -> Callable[[Data], None]:
    return at(path, lambda holder, name: holder.pop(name))


def nulled(path: str) -> Callable[[Data], None]:
    return at(path, lambda holder, name: holder.update({name: None}))


@pytest.mark.parametrize("path", OPTIONAL)
def test_what_is_absent_is_left_out(path: str, result: Data) -> None:
    without(path)(result)
    assert_sound(render_comparison(result))


@pytest.mark.parametrize("path", NULLABLE)
def test_what_was_not_measured_may_be_null(path: str, result: Data) -> None:
    nulled(path)(result)
    assert_sound(render_comparison(result))


def not_finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: not_finite(item) for name, item in value.items() if name not in {"mean", "fraction"}}
    if isinstance(value, list):
        return [not_finite(item) for item in value]
    return float("nan") if isinstance(value, float) else value


def test_numbers_that_are_not_finite_count_as_not_measured(result: Data) -> None:
    for arm in result["arms"]:
        arm.update(score=None, solved=None)
    result["arms"][0]["seeds"][0]["test"] = float("-inf")
    assert_sound(render_comparison(not_finite(result)))


def only_seed(data: Data) -> None:
    for arm in data["arms"]:
        arm["seeds"] = arm["seeds"][:1]
        if arm["score"]:
            arm["score"] |= {"low": None, "high": None, "n": 1, "kind": "one seed: no interval"}


def all_failed(data: Data) -> None:
    for arm in data["arms"]:
        arm.update(status="failed", reason="nothing finished", score=None, solved=None, expected_best=[])
        for one in (*arm["seeds"], *arm["tuning"]):
            one.update(status="failed", reason="out of memory", valid=None, test=None, by_length={}, curve=[])
    data["recommendation"] = {"verdict": "undecided", "arms": [], "headline": "No arm finished a run.", "rests_on": []}


def all_equal(data: Data) -> None:
    for arm in data["arms"]:
        if arm["score"]:
            arm["score"] |= {"mean": 1.0, "low": 1.0, "high": 1.0}
            arm["cost"] |= {"state_bytes": 0, "step_latency_us": 5.0}
            arm["cost"]["parameters"] |= {"body": 0, "fixed": 0}
        for seed in arm["seeds"]:
            seed["test"] = 1.0
    data["baselines"] = []


def one_arm(data: Data) -> None:
    data.update(arms=data["arms"][:1], pairs=[])


def one_point_curves(data: Data) -> None:
    for arm in data["arms"]:
        for seed in arm["seeds"]:
            seed.update(curve=seed["curve"][:1], by_length={"10": 0.5})


def long_labels(data: Data) -> None:
    for number, arm in enumerate(data["arms"]):
        arm["label"] = f"optimizer=adamw, initialization=orthogonal, width={number} " + "x" * 200


def many_arms(data: Data) -> None:
    data["arms"] = [copy.deepcopy(data["arms"][0]) | {"label": f"arm {number}"} for number in range(30)]


@pytest.mark.parametrize(
    "change", [only_seed, all_failed, all_equal, one_arm, one_point_curves, long_labels, many_arms]
)
def test_odd_comparisons_make_sound_pages(change: Callable[[Data], None], result: Data) -> None:
    change(result)
    assert_sound(render_comparison(result))


def test_one_seed_is_said_to_have_no_interval(result: Data) -> None:
    only_seed(result)
    page = render_comparison(result)
    assert "one seed: no interval" in Page(page).text
    table = page[: page.index('id="scores"')]
    assert set(re.findall(r'data-label="interval">([^<]*)<', table)) == {"–"}


def test_an_arm_without_a_score_says_why_there_is_none(result: Data) -> None:
    text = Page(render_comparison(result)).text
    assert re.search(r"ntm memory unreachable", text)
    all_failed(result)
    text = Page(render_comparison(result)).text
    assert "No arm was scored" in text
    assert "nothing finished" in text
    assert "No tuning trial finished" in text


def test_without_failures_it_says_so(result: Data) -> None:
    one_arm(result)
    result["arms"][0]["tuning"] = []
    assert "Nothing failed: every trial and every seed of every arm finished" in Page(render_comparison(result)).text


def test_foreign_data_is_refused_with_a_sentence(result: Data) -> None:
    del result["task"]["primary"]["lower_is_better"]
    with pytest.raises(ValueError, match=r"task\.primary\.lower_is_better: field required"):
        render_comparison(result)
    with pytest.raises(ValueError, match="not a run"):
        render_run({"history": []})


def test_a_provisional_winner_is_called_so_beside_the_heading(result: Data) -> None:
    result["recommendation"].update(verdict="winner", provisional=True, beaten=False)
    text = Page(render_comparison(result)).text
    assert "Provisional winner" in text
    assert "A winner" not in text


def test_a_later_schema_is_refused(result: Data) -> None:
    result["schema"] = 2
    with pytest.raises(ValueError, match="schema"):
        render_comparison(result)


@pytest.mark.parametrize("name", ["config", "environment", "history", "result", "samples"])
def test_a_run_page_does_without(name: str, run: Data) -> None:
    del run[name]
    assert_sound(render_run(run))
