"""The verbs from Python do what the command line does."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

import statewise
from statewise.cli.dispatch import run

TEXT = "It is a truth universally acknowledged, that a single man in possession of a good fortune must want. " * 20
FEW = statewise.TrainConfig(steps=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("python")
    (found / "text.txt").write_text(TEXT)
    rows = "\n".join(f"2024-01-{day:02d},{day % 7}.5,{day}" for day in range(1, 31))
    (found / "series.csv").write_text(f"day,load,heat\n{rows}\n")
    return found


def small(data: Path, **options: object) -> statewise.RunConfig:
    config = statewise.default_run(data, "gru", depth=1, task_options={"chunk": 8, **options})
    return replace(config, model=replace(config.model, width=4), train=FEW)


def test_a_text_trained_on_from_python_is_the_command_line_s(folder: Path, capsys: pytest.CaptureFixture[str]):
    result = statewise.train_model(small(folder / "text.txt"), folder / "text")
    assert statewise.evaluate_run(folder / "text")["test"] == result["test"]
    sampling = statewise.Sampling(length=30, temperature=1.0, top_k=5, top_p=0.9, seed=3)
    text = "".join(statewise.generate_text(folder / "text", "It is ", sampling))
    assert len(text) == 30
    words = ["train", str(folder / "text.txt"), "--model", "gru", "--width", "4", "--depth", "1", "--steps", "2"]
    assert run([*words, "--task-options", "chunk=8", "--out", str(folder / "again"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["test"] == result["test"]
    flags = ["--length", "30", "--temperature", "1", "--top-k", "5", "--top-p", "0.9", "--seed", "3"]
    assert run(["generate", str(folder / "again"), "--prompt", "It is ", *flags]) == 0
    assert capsys.readouterr().out == f"It is {text}\n"


def test_a_series_is_forecast_from_python(folder: Path):
    statewise.train_model(small(folder / "series.csv", target="load", horizon=2), folder / "series")
    rows = statewise.forecast_rows(folder / "series")
    assert rows.times == ["2024-01-31", "2024-02-01"]
    assert {name: len(values) for name, values in rows.values.items()} == {"load": 2}
    with pytest.raises(statewise.UserError, match="on forecast, holds no vocabulary to write with"):
        statewise.generate_text(folder / "series")


def test_a_finished_run_is_a_model(folder: Path):
    model = statewise.load_run(str(folder / "text")).model
    state = model.initial_state(1)
    assert not model.training
    assert model.step(model.zeros(1).long(), state)[0].shape == (1, model.output_size)


def test_every_exported_name_is_there():
    assert all(getattr(statewise, name) is not None for name in statewise.__all__)


def test_one_model_that_is_no_row_of_names_is_told_how_to_be_one():
    with pytest.raises(statewise.UserError, match=r"got 'gru'; say models=\('gru',\)"):
        statewise.CompareConfig(models="gru")  # type: ignore[arg-type]
