"""Runs on rows at irregular times: resumed, used for the times that a person names, held to a Timed call by hand."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from statewise.cli.dispatch import run as say
from statewise.contract import Timed
from statewise.errors import UserError
from statewise.models.config import ModelConfig
from statewise.runs.config import RunConfig
from statewise.runs.folder import LoadedRun, load_run
from statewise.runs.forecasting import forecast_next
from statewise.runs.intervals import Intervals
from statewise.runs.rows_ahead import When
from statewise.runs.training import train_run
from statewise.train.config import TrainConfig

SECONDS = np.random.default_rng(0).choice([10, 20, 60, 600], size=200).cumsum()
VALUES = np.random.default_rng(1).normal(size=(200, 2)).cumsum(axis=0)


def table(path: Path, seconds: np.ndarray = SECONDS, *, header: str = "when,load,heat", dates: bool = True) -> Path:
    times = np.datetime64("2024-01-01T00:00:00") + seconds.astype("timedelta64[s]") if dates else seconds
    rows = [f"{time},{load:.17g},{heat:.17g}" for time, (load, heat) in zip(times, VALUES, strict=False)]
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def config(source: Path, **options: object) -> RunConfig:
    train = TrainConfig(steps=6, batch_size=4, evaluate_every=2, checkpoint_every=2)
    model = ModelConfig(layer="cfc", width=6, depth=1, dropout=0.5)
    told = {"source": str(source), "horizon": 2, "chunk": 8, "target": "load,heat", **options}
    return RunConfig("forecast", model, train, told)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("irregular")
    train_run(config(table(folder / "rows.csv")), folder / "run", command="-")
    return folder


@pytest.fixture
def run(folder: Path) -> LoadedRun:
    return load_run(folder / "run")


def by_hand(run: LoadedRun, ahead: list[float]) -> np.ndarray:
    """The rows that come so many seconds after the last."""
    seen, steps = VALUES[:140], np.diff(SECONDS)
    unit = np.median(steps[:139])
    elapsed = np.append(1.0, steps / unit)
    times = np.concatenate([SECONDS, SECONDS[-1] + np.array(ahead)])
    spans = [(times[k : k + 200] - SECONDS) / (k * unit) for k in (1, 2)]
    told = np.log2(1 + np.column_stack([elapsed, *spans])) - 1
    x = np.column_stack([(VALUES - seen.mean(axis=0)) / seen.std(axis=0), told])
    with torch.no_grad():
        y, _ = run.model(Timed(torch.from_numpy(x).float()[None], torch.from_numpy(elapsed).float()[None]))
    sizes = np.sqrt((np.square(seen[1:] - seen[:-1]).mean(axis=0) + np.square(seen[2:] - seen[:-2]).mean(axis=0)) / 2)
    return VALUES[-1] + y[0, -1].double().numpy().reshape(2, 2) * sizes


def test_a_forecast_is_a_timed_call_by_hand(run: LoadedRun):
    last = np.datetime64("2024-01-01T00:00:00") + np.timedelta64(int(SECONDS[-1]), "s")
    at = tuple(str(last + np.timedelta64(k, "s")) for k in (100, 400))
    usual = float(np.median(np.diff(SECONDS)))
    for when, ahead in (
        (When(), [usual, 2 * usual]),
        (When(every="5min"), [300.0, 600.0]),
        (When(at=at), [100.0, 400.0]),
    ):
        found = forecast_next(run, when=when)
        said = np.column_stack([found.values["load"], found.values["heat"]])
        assert said == pytest.approx(by_hand(run, ahead), abs=1e-5)
        assert (found.ahead, found.unit) == (pytest.approx(ahead), "seconds")
        assert found.ago == pytest.approx(SECONDS[-30:] - SECONDS[-1])
    assert found.times == [name.replace("T", " ") for name in at]
    assert np.abs(by_hand(run, [100.0, 400.0]) - by_hand(run, [300.0, 600.0])).max() > 1e-4


def test_what_is_taken_for_granted_is_said(run: LoadedRun):
    assert np.median(np.diff(SECONDS)) == 60
    assert "usual step of 1 min" in forecast_next(run).notes[0]
    assert forecast_next(run, when=When(every="30s")).notes == []
    (note,) = forecast_next(run, when=When(every="1h")).notes
    assert "rows 1 h apart were not in the training part, which has steps from 10 s to 10 min" in note


def test_intervals_lie_around_the_rows_that_are_named(run: LoadedRun):
    found = forecast_next(run, intervals=Intervals(samples=8), when=When(every="40s"))
    for name, values in found.values.items():
        assert all(
            low < value < high for low, value, high in zip(found.lower[name], values, found.upper[name], strict=True)
        )


OTHER = {
    "no times": ({"header": "note,load,heat", "dates": False, "seconds": VALUES[:, 0]}, "has no time column"),
    "numbers for dates": ({"header": "t,load,heat", "dates": False}, "which were dates"),
}


@pytest.mark.parametrize("kind", OTHER)
def test_a_table_without_the_times_that_are_told_is_refused(kind: str, run: LoadedRun, tmp_path: Path):
    written, cause = OTHER[kind]
    with pytest.raises(UserError, match=cause):
        forecast_next(run, str(table(tmp_path / "other.csv", **written)))


def test_a_run_on_even_rows_refuses_irregular_ones_and_times_of_one_s_own(tmp_path: Path):
    even = table(tmp_path / "even.csv", 60 * np.arange(200))
    train_run(
        replace(config(even), train=TrainConfig(steps=1, batch_size=2, evaluate_every=1)), tmp_path / "run", command="-"
    )
    run = load_run(tmp_path / "run")
    assert forecast_next(run).notes == []
    with pytest.raises(UserError, match="has irregular times: from 10 s to 10 min"):
        forecast_next(run, str(table(tmp_path / "gaps.csv")))
    with pytest.raises(UserError, match="knows rows at the usual step alone"):
        forecast_next(run, when=When(every="30s"))


def test_a_training_that_was_killed_ends_with_the_same_weights(folder: Path, tmp_path: Path):
    stops = iter([False] * 3 + [True])
    stopped = train_run(config(folder / "rows.csv"), tmp_path / "run", command="-", should_stop=lambda: next(stops))
    assert stopped["status"] == "interrupted"
    train_run(config(folder / "rows.csv"), tmp_path / "run", command="-")
    one, other = (load_run(path / "run").model.state_dict() for path in (folder, tmp_path))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_from_the_command_line(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    words = [
        "train",
        str(folder / "rows.csv"),
        "--model",
        "cfc",
        "--width",
        "4",
        "--steps",
        "1",
        "--out",
        str(tmp_path / "r"),
    ]
    assert say([*words, "--task-options", "horizon=2"]) == 0
    said = capsys.readouterr().out
    assert "times are irregular: from 10 s to 10 min" in said
    assert "models are told the time since the row before" in said
    assert say(["evaluate", str(tmp_path / "r")]) == 0
    assert say(["forecast", str(tmp_path / "r"), "--at", "2024-02-01T10:00, 2024-02-01T12:00", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out.splitlines()[-1])["times"] == ["2024-02-01 10:00:00", "2024-02-01 12:00:00"]
    assert "do not trust" in err
    page = (tmp_path / "r" / "forecast.html").read_text()
    assert "days from the last known row" in page
    assert "do not trust" in page
    for wrong in (["--every", "5"], ["--at", "2024-02-01"], ["--every", "1h", "--at", "2024-02-01"]):
        assert say(["forecast", str(tmp_path / "r"), *wrong]) == 2
    assert "Traceback" not in capsys.readouterr().err
