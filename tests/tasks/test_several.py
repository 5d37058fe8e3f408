"""Several series as one task: each as if it were alone, and nothing carried from one to another."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from statewise import tasks
from statewise.contract import Model
from statewise.errors import UserError
from statewise.models.config import ModelConfig
from statewise.models.resolve import build
from statewise.tasks.forecast import Forecast
from statewise.train.config import TrainConfig
from statewise.train.evaluation import evaluate, evaluate_series
from statewise.train.forward import run_batch
from statewise.train.loop import Trainer

LENGTHS = {"north": 150, "south": 90, "east": 400}


def walks() -> dict[str, np.ndarray]:
    """Series of two columns, a hundred times as large each as the one before."""
    random = np.random.default_rng(0)
    return {
        name: 100.0**k * (5 + random.normal(size=(rows, 2)).cumsum(axis=0))
        for k, (name, rows) in enumerate(LENGTHS.items())
    }


def times(irregular: bool) -> dict[str, np.ndarray]:
    """Days since the first; the usual step is one day in all parts of all series."""
    random = np.random.default_rng(1)
    steps = {name: random.choice([0.5, 1.0, 1.0, 1.0, 4.0], size=rows) for name, rows in LENGTHS.items()}
    return {name: (found if irregular else np.ones(len(found))).cumsum() for name, found in steps.items()}


def written(path: Path, series: dict[str, np.ndarray], at: dict[str, np.ndarray]) -> str:
    """Rows of all series in the order of time, named where there are several."""
    rows = [(t, name, *row) for name, values in series.items() for t, row in zip(at[name], values, strict=True)]
    header = "t,id,heat,load" if len(series) > 1 else "t,heat,load"
    kept = [0, 1, 2, 3] if len(series) > 1 else [0, 2, 3]
    lines = [",".join(f"{row[k]}" for k in kept) for row in sorted(rows)]
    path.write_text("\n".join([header, *lines]) + "\n")
    return str(path)


def small(task: Forecast, layer: str = "gru") -> Model:
    torch.manual_seed(0)
    return build(ModelConfig(layer=layer, width=8), task.input_form, task.output_size).eval()


@pytest.fixture(params=[False, True], ids=["even", "irregular"])
def several(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Forecast, dict[str, Forecast]]:
    """A task of three series, and each of them as a task of its own."""
    at = times(request.param)
    options = {"horizon": 3, "season": 7, "time": "t", "chunk": 16, "target": "load,heat"}
    alone = {
        name: Forecast(source=written(tmp_path / f"{name}.csv", {name: values}, at), **options)
        for name, values in walks().items()
    }
    return Forecast(source=written(tmp_path / "all.csv", walks(), at), series="id", **options), alone


def test_it_keeps_the_rules_of_tasks(several):
    tasks.check(several[0])


@pytest.mark.parametrize("batch_size", [2, 32])
def test_each_series_scores_what_it_would_alone(several, batch_size: int):
    task, alone = several
    model = small(task)
    found = evaluate_series(model, task, "test", batch_size=batch_size)
    assert found.keys() == alone.keys() == set(task.series)
    for name, one in alone.items():
        assert found[name] == pytest.approx(evaluate(model, one, "test", batch_size=4), rel=1e-4)
        assert task.baselines_of(name) == {
            rule: pytest.approx(metrics, rel=1e-9) for rule, metrics in one.baselines().items()
        }


def test_together_every_forecast_counts_alike(several):
    task, alone = several
    model = small(task)
    forecasts = [end - start - 3 for start, end in task.bounds["test"]]
    each = evaluate_series(model, task, "test", batch_size=8)
    for name, value in evaluate(model, task, "test", batch_size=8).items():
        assert value == pytest.approx(
            np.average([scores[name] for scores in each.values()], weights=forecasts), rel=1e-4
        )
    last = [alone[name].baselines()["last value"]["mase"] for name in task.series]
    assert task.baselines()["last value"]["mase"] == pytest.approx(np.average(last, weights=forecasts))


@pytest.mark.parametrize("layer", ["gru", "cfc", "attention"])
def test_after_a_reset_a_model_has_seen_this_series_alone(several, layer: str):
    task, alone = several
    model = small(task, layer)
    whole = {}
    with torch.no_grad():
        for name, one in alone.items():
            (batch,) = islice(one.evaluation("valid", batch_size=1), 1)
            assert bool(batch.starts.all())
            whole[name] = model(batch.inputs)[0][0]
        carry, begun, compared = None, None, 0
        for index in range(40):
            batch = task.train_batch(index, batch_size=2, seed=1)
            y, carry = run_batch(model, batch, carry)
            rows, steps = batch.weights.shape
            resets = torch.zeros(rows, steps, dtype=torch.bool) if batch.resets is None else batch.resets
            begun = [None] * rows if begun is None else begun
            for row in range(rows):
                begun[row] = None if bool(batch.starts[row]) else begun[row]
                for step in range(steps):
                    begun[row] = 0 if bool(resets[row, step]) else begun[row]
                    if begun[row] is not None:
                        name = task.series[int(batch.series[row, step])]
                        torch.testing.assert_close(y[row, step], whole[name][begun[row]], atol=1e-5, rtol=1e-4)
                        begun[row] += 1
                        compared += 1
    assert compared > 200


def test_training_sees_every_series_and_no_row_of_other_parts(several):
    task, _ = several
    seen = np.zeros(len(task.values))
    for index in range(300):
        batch = task.train_batch(index, batch_size=4, seed=0)
        assert bool((batch.weights == 1).all())
        for name, scale, (start, end) in zip(task.series, task.scales, task.bounds["train"], strict=True):
            here = batch.series == task.series.index(name)
            now = batch.values[here][:, :2].double().numpy() * scale.scaler.deviation + scale.scaler.mean
            places = np.abs(task.values[None, start : end - 3] - now[:, None]).sum(axis=2)
            assert (places.min(axis=1) < 1e-4 * scale.scaler.deviation.sum()).all()
            np.add.at(seen, start + places.argmin(axis=1), 1)
            ahead = scale.changes.in_units(batch.targets[here].double().numpy(), now[:, task.targets])
            rows = start + places.argmin(axis=1)[:, None] + np.arange(1, 4)
            np.testing.assert_allclose(ahead / scale.changes.scale, task.asked[rows] / scale.changes.scale, atol=1e-3)
    parts = [seen[start : end - 3] for start, end in task.bounds["train"]]
    assert all(part.min() > 0 for part in parts)


def test_a_training_that_was_killed_ends_with_the_same_weights(several, tmp_path: Path):
    task, _ = several
    config = TrainConfig(steps=7, batch_size=2, evaluate_every=3, checkpoint_every=2)
    models = [small(task), small(task)]
    Trainer(models[0], task, config).run()
    stops = iter([False] * 5 + [True])
    Trainer(models[1], task, config, tmp_path).run(should_stop=lambda: next(stops))
    again = small(task)
    Trainer(again, task, config, tmp_path).run()
    one, other = models[0].state_dict(), again.state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)


def options_of(tmp_path: Path, **changed: np.ndarray) -> dict[str, object]:
    series = {**walks(), **changed}
    at = {name: np.arange(float(len(values))) for name, values in series.items()}
    return {"source": written(tmp_path / "all.csv", series, at), "series": "id", "horizon": 3}


def test_what_cannot_be_learnt_from_is_left_out_and_named(tmp_path: Path):
    still = np.column_stack([np.arange(80.0), np.ones(80)])
    task = Forecast(**options_of(tmp_path, brief=np.ones((9, 2)).cumsum(axis=0), still=still))
    assert set(task.series) == set(LENGTHS)
    said = " ".join(task.notes)
    assert "too short for a horizon of 3: brief" in said
    assert "constant in their training part: still" in said


def test_where_nothing_is_left_a_person_is_told_why(tmp_path: Path):
    with pytest.raises(UserError, match=r"the longest series of .*, 'east', has 60 rows in its valid part, too few"):
        Forecast(**{**options_of(tmp_path), "horizon": 60})
    with pytest.raises(UserError, match="'id' says of which series a row is"):
        Forecast(**options_of(tmp_path), target="id")


def test_a_season_that_some_do_not_hold_is_theirs_alone(tmp_path: Path):
    task = Forecast(**options_of(tmp_path), season=80)
    assert dict(zip(task.series, task.seasons, strict=True)) == {"north": 80, "south": 1, "east": 80}
    assert any("longer than the training parts of south" in note for note in task.notes)
    assert task.baselines_of("south")["seasonal naive (season 80)"] == task.baselines_of("south")["last value"]


def test_a_season_that_repeats_itself_exactly_is_held_to_the_last_value(tmp_path: Path):
    wave = np.tile([1.0, 2.0, 5.0, 3.0], 20) / 3
    task = Forecast(**options_of(tmp_path, wave=np.column_stack([wave, 1e6 * wave])), season=4)
    steps = np.abs(np.diff(1e6 * wave[:56])).mean()
    assert task.naive_error[task.panel.names.index("wave")] == pytest.approx(steps)
