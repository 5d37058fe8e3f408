"""Runs on a table of several series: the rows after the last one of each, scores of each, from Python and by words."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import statewise
from statewise.cli.dispatch import run as say
from statewise.errors import UserError
from statewise.models.config import ModelConfig
from statewise.runs.config import RunConfig
from statewise.runs.folder import LoadedRun, load_run
from statewise.runs.forecasting import forecast_each, forecast_next
from statewise.runs.intervals import Intervals
from statewise.runs.predictive import score_intervals
from statewise.runs.rows_ahead import When
from statewise.runs.training import train_run
from statewise.train.config import TrainConfig

LENGTHS = {"north": 60, "south": 45, "007": 50}


def table(path: Path, irregular: bool = False, **more: np.ndarray) -> str:
    """Rows in turn: the k-th series counts up by 10^k a row, from 10^k."""
    series = {name: 10.0**k * np.arange(1.0, rows + 1) for k, (name, rows) in enumerate(LENGTHS.items())} | more
    random = np.random.default_rng(0)
    rows = []
    for name, values in series.items():
        steps = random.choice([1, 1, 1, 6], size=len(values)) if irregular else np.ones(len(values), dtype=int)
        days = np.datetime64("2024-01-01") + steps.cumsum()
        rows += [f"{day},{name},{value}" for day, value in zip(days, values, strict=True)]
    path.write_text("\n".join(["date,shop,sales", *sorted(rows)]) + "\n")
    return str(path)


def trained(folder: Path, source: str, **model: object) -> LoadedRun:
    train = TrainConfig(steps=2, batch_size=4, evaluate_every=2)
    options = {"source": source, "horizon": 2, "chunk": 8}
    train_run(RunConfig("forecast", ModelConfig(layer="gru", width=4, **model), train, options), folder, command="-")
    return load_run(folder)


def speechless(run: LoadedRun) -> LoadedRun:
    """A run whose head says nothing: that all series stay as they are."""
    for parameter in run.model.head.parameters():
        torch.nn.init.zeros_(parameter)
    return run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("several")
    trained(folder / "run", table(folder / "shops.csv"), dropout=0.5)
    return folder


def test_every_series_goes_on_after_its_own_last_row(folder: Path):
    found = forecast_each(speechless(load_run(folder / "run")))
    assert found.notes == []
    assert {name: rows.values["sales"] for name, rows in found.series.items()} == {
        "north": pytest.approx([60.0] * 2),
        "south": pytest.approx([450.0] * 2),
        "007": pytest.approx([5000.0] * 2),
    }
    assert [found.series[name].times[0] for name in LENGTHS] == ["2024-03-02", "2024-02-16", "2024-02-21"]
    assert found.series["007"].before["sales"] == [100.0 * k for k in range(21, 51)]


def test_one_of_them_is_that_of_all(folder: Path):
    each = statewise.forecast_series(folder / "run")
    for name in LENGTHS:
        assert statewise.forecast_rows(folder / "run", series=name) == each.series[name]
    with pytest.raises(UserError, match="holds 3 series; name one of them"):
        statewise.forecast_rows(folder / "run")
    with pytest.raises(UserError, match="unknown series 'nort'; did you mean 'north'"):
        statewise.forecast_rows(folder / "run", series="nort")


def test_a_model_is_asked_in_units_of_each_series(folder: Path):
    run = speechless(load_run(folder / "run"))
    torch.nn.init.ones_(run.model.head.bias)  # type: ignore[union-attr, arg-type]
    found = forecast_each(run)
    for name, size in (("north", 1.0), ("south", 10.0), ("007", 100.0)):
        usual = size * np.sqrt((1 + 4) / 2)
        assert found.series[name].values["sales"] == pytest.approx([LENGTHS[name] * size + usual] * 2)


def test_series_that_the_training_did_not_know(folder: Path, tmp_path: Path):
    run = speechless(load_run(folder / "run"))
    brief = {"short": np.array([1.0, 2.0]), "single": np.array([1.0])}
    other = table(tmp_path / "more.csv", new=np.arange(30.0) ** 2, **brief)
    found = forecast_each(run, other)
    assert found.series["new"].values["sales"] == pytest.approx([29.0**2] * 2)
    assert found.series.keys() == {*LENGTHS, "new"}
    assert [note.split(": ")[1] for note in found.notes] == ["new", "short", "single"]
    with pytest.raises(UserError, match="'short' is too short"):
        forecast_next(run, other, series="short")
    (tmp_path / "none.csv").write_text("date,shop,sales\n2024-01-01,west,1\n2024-01-02,west,2\n")
    with pytest.raises(UserError, match=r"all series are too short to go on from.*: west; add rows"):
        forecast_each(run, str(tmp_path / "none.csv"))


def test_intervals_are_as_wide_as_series_are_large(folder: Path):
    found = forecast_each(load_run(folder / "run"), intervals=Intervals(samples=5))
    width = {name: np.subtract(rows.upper["sales"], rows.lower["sales"]) for name, rows in found.series.items()}
    assert (width["north"] > 0).all()
    assert (width["007"] > 10 * width["north"]).all()


def test_intervals_hold_what_they_say_of_each_series(tmp_path: Path):
    """After training, one walk's steps grow to thrice their size; a third walk is too short for errors of its own."""
    rows = {"steady": 2000, "grown": 2000, "brief": 60}
    random = np.random.default_rng(0)
    walks = {name: random.standard_normal(rows[name]) for name in rows}
    walks["grown"][1400:] *= 3
    walks = {name: steps.cumsum() for name, steps in walks.items()}
    path = tmp_path / "walks.csv"
    path.write_text("unique_id,level\n" + "".join(f"{n},{y}\n" for n, walk in walks.items() for y in walk))
    run = speechless(trained(tmp_path / "run", str(path), dropout=0.5))
    run.model.head.weight.data.fill_(1e-6)  # type: ignore[union-attr, operator]
    found = forecast_each(run, intervals=Intervals(samples=5, level=0.8))
    assert [note for note in found.notes if "too few of its own: brief" in note]
    assert {name: rows.pooled for name, rows in found.series.items()} == dict(
        zip(rows, [False, False, True], strict=True)
    )
    for name in ("steady", "grown"):
        walk, ahead = walks[name], found.series[name]
        low, high = (np.array(edge["level"]) - walk[-1] for edge in (ahead.lower, ahead.upper))
        for k in (1, 2):
            steps = walk[1700 + k :] - walk[1700:-k]
            assert ((low[k - 1] <= steps) & (steps <= high[k - 1])).mean() == pytest.approx(0.8, abs=0.07)
    one = forecast_next(run, intervals=Intervals(samples=5, level=0.8), series="brief")
    assert one.lower == found.series["brief"].lower
    assert "too few of its own: brief" in one.notes[-1]
    told = score_intervals(run, Intervals(samples=5, level=0.8))["interval"]
    assert (told["pooled"], told["held"]) == (["brief"], pytest.approx(0.8, abs=0.05))


def test_every_series_has_times_of_its_own(tmp_path: Path):
    run = trained(tmp_path / "run", table(tmp_path / "shops.csv", irregular=True))
    assert run.preprocessing["pace"]["time_as"] == "elapsed"
    found = forecast_each(run, when=When(every="6D"))
    for name, rows in found.series.items():
        assert rows.ahead == [6 * 86400.0, 12 * 86400.0]
        assert rows == forecast_next(run, when=When(every="6D"), series=name)
    assert len({rows.times[0] for rows in found.series.values()}) == 3
    for series, day in (("north", "2024-01-02"), ("007", "2024-01-03")):
        said = rf"'{day}' does not come after the last row that is known of series '{series}', 2024-\d\d-\d\d; say"
        with pytest.raises(UserError, match=said):
            forecast_next(run, when=When(at=(day, "2030-01-01")), series=series)


def test_a_run_on_one_series_has_none_to_name(tmp_path: Path):
    (tmp_path / "one.csv").write_text("x\n" + "\n".join(f"{k % 5}" for k in range(60)) + "\n")
    run = trained(tmp_path / "run", str(tmp_path / "one.csv"))
    with pytest.raises(UserError, match="one series; leave series 'north' out"):
        forecast_next(run, series="north")


def test_from_the_command_line(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    words = ["train", str(folder / "shops.csv"), "--model", "gru", "--width", "4", "--steps", "1"]
    assert say([*words, "--task-options", "horizon=2", "--out", str(tmp_path / "r"), "--json"]) == 0
    said = capsys.readouterr().out
    assert "3 series by shop, of 45 to 60 rows" in said
    assert "mase on test by series" in said
    assert json.loads(said.splitlines()[-1])["series"].keys() == set(LENGTHS)
    assert say(["forecast", str(tmp_path / "r"), "--json"]) == 0
    out = capsys.readouterr().out
    assert json.loads(out.splitlines()[-1])["series"].keys() == set(LENGTHS)
    assert "2024-02-16" in out
    assert (tmp_path / "r" / "forecast.html").read_text().count("<h2>") == 3 + 1
    assert say(["forecast", str(tmp_path / "r"), "--series", "south"]) == 0
    out = capsys.readouterr().out
    assert "2024-02-16" in out
    assert "2024-03-02" not in out
    assert say(["forecast", str(tmp_path / "r"), "--series", "007"]) == 0
    assert "2024-02-21" in capsys.readouterr().out
    assert say(["forecast", str(tmp_path / "r"), "--series", "west"]) == 2
    assert "unknown series 'west'" in capsys.readouterr().err
