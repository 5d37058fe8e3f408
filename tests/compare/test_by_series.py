"""Scores by series: of a trial, and of arms over their seeds."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from statewise.compare.by_series import scores_by_series
from statewise.compare.jobs import ArmRecord
from statewise.compare.result import SeriesScores
from statewise.compare.trial import _test_scores
from statewise.models.config import ModelConfig
from statewise.models.resolve import build
from statewise.tasks.forecast import Forecast
from statewise.train.evaluation import evaluate, evaluate_series


@pytest.fixture
def task(tmp_path: Path) -> Forecast:
    random = np.random.default_rng(0)
    walks = {"a": random.standard_normal(90).cumsum(), "b": 9 * random.standard_normal(60).cumsum()}
    rows = [f"{name},{value}" for name, walk in walks.items() for value in walk]
    (tmp_path / "walks.csv").write_text("\n".join(["unique_id,y", *rows]) + "\n")
    return Forecast(source=str(tmp_path / "walks.csv"), chunk=8)


def test_a_trial_scores_every_series_by_itself(task: Forecast):
    torch.manual_seed(0)
    model = build(ModelConfig(layer="gru", width=4), task.input_form, task.output_size)
    metrics, by_series, examples = _test_scores(model, task, 4)
    alone = evaluate_series(model, task, "test", batch_size=4)
    assert by_series == pytest.approx({name: scores["mase"] for name, scores in alone.items()})
    assert by_series["a"] != pytest.approx(by_series["b"], rel=0.01)
    assert metrics == pytest.approx(evaluate(model, task, "test", batch_size=4))
    assert np.mean(examples) == pytest.approx(metrics["mase"])


def record(label: str, *scores: dict[str, float] | None) -> ArmRecord:
    seeds: list[dict[str, Any]] = [{} if found is None else {"by_series": found} for found in scores]
    return cast("ArmRecord", SimpleNamespace(arm=SimpleNamespace(label=label), seeds=seeds))


def test_an_arm_has_the_median_of_its_finished_seeds(task: Forecast):
    told = [{"a": 3.0, "b": 1.0}, {"a": 1.0, "b": 2.0}, None, {"a": 9.0, "b": 4.0}]
    a, b = scores_by_series(task, [record("gru", *told), record("lstm", told[0]), record("failed", None)])
    assert a == SeriesScores(
        "a", {"gru": 3.0, "lstm": 3.0}, {"last value": task.baselines_of("a")["last value"]["mase"]}
    )
    assert b.arms == {"gru": 2.0, "lstm": 1.0}


def test_a_task_of_one_series_has_none():
    assert scores_by_series(cast("Forecast", SimpleNamespace(series=())), [record("gru", {})]) == []
