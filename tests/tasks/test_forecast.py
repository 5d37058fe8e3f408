"""A table as a task: splits in time that do not leak, scores and baselines that can be checked by hand."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from statewise.tasks.forecast import Forecast
from statewise.tasks.scores import add_scores


@pytest.fixture
def airline(data: Path) -> Forecast:
    return Forecast(source=str(data / "series" / "Airline.csv"), horizon=2)


def test_the_scaler_looks_at_training_rows_alone(airline: Forecast):
    train = airline.values[: airline.bounds["train"][0][1]]
    assert airline.scales[0].scaler.mean == pytest.approx(train.mean(axis=0))
    assert airline.season == 12


def test_baselines_by_hand(airline: Forecast):
    start, end = airline.bounds["test"][0]
    series, season = airline.values[:, 0], airline.season
    train = series[: airline.bounds["train"][0][1]]
    scale = np.abs(train[season:] - train[:-season]).mean()
    now = np.arange(start, end - 2)
    last = np.mean([np.abs(series[now + h] - series[now]) for h in (1, 2)]) / scale
    seasonal = np.mean([np.abs(series[now + h] - series[now + h - season]) for h in (1, 2)]) / scale
    found = airline.baselines()
    assert found["last value"]["mase"] == pytest.approx(last, rel=1e-5)
    assert found["seasonal naive (season 12)"]["mase"] == pytest.approx(seasonal, rel=1e-5)


def test_one_pass_over_the_training_rows_sees_every_row_and_hardly_any_twice(tmp_path: Path):
    task = Forecast(source=written(tmp_path / "x.csv", np.arange(2000.0).reshape(1000, 2)), chunk=16)
    batches = [task.train_batch(index, batch_size=4, seed=1) for index in range(task.train_batches(batch_size=4) + 1)]
    rows = torch.cat([batch.values[..., 0].flatten() for batch in batches[:-1]])
    assert len(rows.unique()) == task.lengths.sum()
    assert len(rows) < 1.1 * task.lengths.sum()
    assert not bool(batches[-2].starts.all())
    assert bool(batches[-1].starts.all())


def written(path: Path, values: np.ndarray) -> str:
    rows = [",".join(f"{value:.17g}" for value in row) for row in values]
    path.write_text("\n".join([",".join(f"c{k}" for k in range(values.shape[1])), *rows]) + "\n")
    return str(path)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(40, 90))
def test_nothing_of_training_depends_on_later_rows(tmp_path_factory, seed: int, horizon: int, rows: int):
    folder = tmp_path_factory.mktemp("series")
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(rows + 60, 2)).cumsum(axis=0)
    changed = values.copy()
    changed[rows:] = generator.normal(size=(60, 2)) * 1e6
    options = {"horizon": horizon, "train": rows, "valid": 30, "chunk": 16, "target": "c0,c1"}
    before, after = (
        Forecast(source=written(folder / f"{k}.csv", v), **options) for k, v in enumerate((values, changed))
    )
    assert before.preprocessing() == {**after.preprocessing(), "source": before.source}
    for index in range(8):
        one, other = (task.train_batch(index, batch_size=3, seed=seed) for task in (before, after))
        assert all(torch.equal(a, b) for a, b in zip(one[:4], other[:4], strict=True))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 7), st.integers(1, 40), st.sampled_from(["valid", "test"]))
def test_every_forecast_is_scored_against_its_own_rows(tmp_path_factory, seed, horizon, batch_size, split):
    values = np.random.default_rng(seed).normal(size=(200, 2)).cumsum(axis=0)
    source = written(tmp_path_factory.mktemp("series") / "walk.csv", values)
    task = Forecast(source=source, horizon=horizon, target="c1")
    start, end = task.bounds[split][0]
    seen = []
    for batch in task.evaluation(split, batch_size=batch_size):
        now = batch.inputs.double().numpy() * task.scales[0].scaler.deviation + task.scales[0].scaler.mean
        ahead = task.scales[0].changes.in_units(batch.targets.double().numpy(), now[..., task.targets])
        for row, step in batch.weights.nonzero().tolist():
            place = np.abs(values - now[row, step]).sum(axis=1).argmin()
            assert ahead[row, step, :, 0] == pytest.approx(values[place + 1 : place + 1 + horizon, 1], abs=1e-4)
            seen.append(int(place))
    assert seen == list(range(start, end - horizon))


def test_saying_nothing_is_saying_the_last_value(airline: Forecast):
    batches = list(airline.evaluation("test", batch_size=1))
    said = add_scores([airline.scores(torch.zeros_like(batch.targets), batch) for batch in batches])
    assert said == pytest.approx(dict(airline.baselines()["last value"]), rel=1e-5)


def test_long_splits_are_scored_in_rows_side_by_side(tmp_path: Path):
    values = np.arange(9000.0)[:, None] + np.random.default_rng(0).normal(size=(9000, 1))
    task = Forecast(source=written(tmp_path / "long.csv", values), train=0.6, valid=0.3, horizon=3)
    alone, beside = ([*task.evaluation("valid", batch_size=rows)] for rows in (1, 8))
    assert beside[0].inputs.shape[0] > 1
    assert sum(float(b.weights.sum()) for b in beside) == sum(float(b.weights.sum()) for b in alone) == 2700 - 3
    assert [bool(b.starts.all()) for b in beside] == [True] + [False] * (len(beside) - 1)
    one, other = (
        sorted(v for b in part for v in b.targets[b.weights > 0].flatten().tolist()) for part in (alone, beside)
    )
    assert one == other


def test_columns_without_news_are_left_out(tmp_path: Path):
    values = np.random.default_rng(0).normal(size=(60, 4))
    values[:, 1] = 7.0
    source = written(tmp_path / "four.csv", values)
    assert Forecast(source=source).columns == ["c0", "c2", "c3"]
    assert Forecast(source=source, columns="c2", target="c0").columns == ["c0", "c2"]


def test_a_season_longer_than_the_training_part_is_none(tmp_path: Path):
    values = np.random.default_rng(0).normal(size=(60, 1))
    task = Forecast(source=written(tmp_path / "short.csv", values), season=50)
    assert task.season == 1
    assert any("longer than the training part" in note for note in task.notes)


def test_every_row_of_a_split_counts_once(airline: Forecast):
    start, end = airline.bounds["valid"][0]
    assert sum(float(b.weights.sum()) for b in airline.evaluation("valid", batch_size=1)) == end - start - 2
