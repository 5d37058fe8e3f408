"""The folder of a comparison: gone on with where nothing is lost, left alone where it holds something else."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from statewise.compare.config import CompareConfig
from statewise.compare.folder import MAY_CHANGE, MAY_GROW, open_comparison
from statewise.errors import UserError
from statewise.models.config import ModelConfig
from statewise.runs.config import RunConfig
from statewise.runs.folder import keep_config, open_run
from statewise.tasks.computing import Parity
from statewise.train.config import TrainConfig

CONFIG = CompareConfig(models=("lstm", "gru"), seeds=3, trials=2)
MORE = {"models": ("lstm", "gru", "rnn"), "seeds": 5, "trials": 4}
OTHER = {
    "task": "parity",
    "task_options": {"longest": 9},
    "vary": {"optimizer": ("adamw", "sgd")},
    "fixed": {"learning_rate": 1e-3},
    "budget": 1000,
    "match": "flops",
    "depth": 7,
    "lengths": (5,),
    "learning_rates": (1e-4, 0.3),
    "train": TrainConfig(steps=7),
    "companions": False,
    "margin": 0.5,
}


@pytest.mark.parametrize("field", OTHER)
def test_another_comparison_is_refused_and_left_as_it_was(field: str, tmp_path: Path):
    open_comparison(tmp_path, CONFIG)
    before = (tmp_path / "config.json").read_text()
    with pytest.raises(UserError, match=rf"another config \({field}.*--out"):
        open_comparison(tmp_path, replace(CONFIG, **{field: OTHER[field]}))
    assert (tmp_path / "config.json").read_text() == before


@pytest.mark.parametrize("field", MORE)
def test_one_that_only_has_more_is_gone_on_with_and_does_not_shrink_again(field: str, tmp_path: Path):
    more = replace(CONFIG, **{field: MORE[field]})
    open_comparison(tmp_path, CONFIG)
    open_comparison(tmp_path, more)
    assert json.loads((tmp_path / "config.json").read_text())[field] == json.loads(json.dumps(MORE[field]))
    with pytest.raises(UserError, match=f"more {field}"):
        open_comparison(tmp_path, CONFIG)


def test_what_no_score_depends_on_may_change(tmp_path: Path):
    open_comparison(tmp_path, CONFIG)
    open_comparison(tmp_path, replace(CONFIG, workers=7, measure=not CONFIG.measure))
    kept = json.loads((tmp_path / "config.json").read_text())
    assert (kept["workers"], kept["measure"]) == (7, not CONFIG.measure)


def test_a_comparison_does_not_enter_a_run_nor_a_run_a_comparison(tmp_path: Path):
    run = RunConfig("parity", ModelConfig(), TrainConfig())
    task = Parity()
    (tmp_path / "run").mkdir()
    keep_config(tmp_path / "run", run, task)
    with pytest.raises(UserError, match="holds no comparison"):
        open_comparison(tmp_path / "run", CONFIG)
    open_comparison(tmp_path / "comparison", CONFIG)
    with pytest.raises(UserError, match="comparison"):
        open_run(tmp_path / "comparison", run, task)


def test_every_field_is_either_free_to_change_or_refused():
    assert set(OTHER) | set(MAY_CHANGE) >= set(vars(CONFIG))
    assert not set(OTHER) & set(MAY_CHANGE)
    assert set(MORE) == set(MAY_GROW)
