"""Tables whose rows come at irregular times: what models are told, held to calls by hand; what it is worth."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from statewise import tasks
from statewise.contract import Model, Timed, slice_time, values_of
from statewise.errors import UserError
from statewise.models.config import ModelConfig
from statewise.models.resolve import build, default_config
from statewise.tasks.forecast import Forecast
from statewise.train.config import TrainConfig
from statewise.train.evaluation import evaluate
from statewise.train.forward import run_batch
from statewise.train.loop import Trainer

READ_TIME = ("cfc", "phased-lstm", "ode-rnn")


def written(path: Path, times: np.ndarray, values: np.ndarray) -> str:
    rows = [",".join(f"{cell:.17g}" for cell in row) for row in np.column_stack([times, values])]
    path.write_text("\n".join(["t," + ",".join(f"c{k}" for k in range(values.shape[1])), *rows]) + "\n")
    return str(path)


def irregular(seed: int, rows: int) -> np.ndarray:
    return np.random.default_rng(seed).choice([1.0, 2.0, 5.0, 30.0], size=rows).cumsum()


def walk(seed: int, rows: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, 2)).cumsum(axis=0)


def small(layer: str, task: Forecast) -> Model:
    torch.manual_seed(0)
    return build(ModelConfig(layer=layer, width=6), task.input_form, task.output_size).eval()


@pytest.mark.parametrize("time_as", ["", "steps", "column", "elapsed"])
def test_it_keeps_the_rules_of_tasks(time_as, tmp_path: Path):
    tasks.check(
        Forecast(source=written(tmp_path / "x.csv", irregular(0, 200), walk(0, 200)), horizon=2, time_as=time_as)
    )


def test_irregular_times_are_told_unless_a_person_says_otherwise(tmp_path: Path):
    source = written(tmp_path / "x.csv", irregular(0, 200), walk(0, 200))
    told = Forecast(source=source, horizon=2)
    assert (told.pace.time_as, told.input_form.size, told.season) == ("elapsed", 2 + 3, 1)
    assert any("times are irregular: from 1 to 30" in note for note in told.notes)
    assert any("models are told" in note and "time_as=steps" in note for note in told.notes)
    assert Forecast(source=source, horizon=2, time_as="column").input_form.size == 2 + 3
    assert Forecast(source=source, horizon=2, time_as="steps").input_form.size == 2
    with pytest.raises(UserError, match="no times to tell"):
        Forecast(source=source, time="none", time_as="elapsed")


@pytest.mark.parametrize(("layer", "step"), [("cfc", 60.0), ("phased-lstm", 0.25), ("ode-rnn", 1.0), ("lstm", 5.0)])
def test_even_times_that_are_told_change_no_number(layer: str, step: float, tmp_path: Path):
    source = written(tmp_path / "x.csv", step * np.arange(1, 121), walk(0, 120))
    plain, told = (Forecast(source=source, horizon=2, time_as=time_as) for time_as in ("", "elapsed"))
    assert plain.pace.time_as == "steps"
    scores = [evaluate(small(layer, task), task, "test", batch_size=4) for task in (plain, told)]
    assert scores[0] == scores[1]
    outcomes = []
    for task in (plain, told):
        model = small(layer, task)
        Trainer(model, task, TrainConfig(steps=3, batch_size=2, evaluate_every=3)).run()
        outcomes.append(torch.cat([weights.flatten() for weights in model.state_dict().values()]))
    assert torch.equal(*outcomes)


@pytest.mark.parametrize("layer", [*READ_TIME, "lstm"])
def test_batches_are_a_timed_call_by_hand_over_the_borders_of_windows_and_splits(layer: str, tmp_path: Path):
    times, values = irregular(1, 300), walk(1, 300)
    task = Forecast(source=written(tmp_path / "x.csv", times, values), chunk=16, train=100, valid=50)
    assert task.horizon == 1
    unit = np.median(np.diff(times[:100]))
    elapsed = np.diff(times, prepend=times[0] - unit) / unit
    ahead = np.append(elapsed[1:], 1.0)
    scaled = (values - values[:100].mean(axis=0)) / values[:100].std(axis=0)
    columns = np.column_stack([scaled, np.log2(1 + elapsed) - 1, np.log2(1 + ahead) - 1])
    whole = Timed(torch.from_numpy(columns).float().unsqueeze(0), torch.from_numpy(elapsed).float().unsqueeze(0))
    model = small(layer, task)
    with torch.no_grad():
        for split in ("valid", "test"):
            carry, outputs = None, []
            for batch in task.evaluation(split, batch_size=1):
                y, carry = run_batch(model, batch, carry)
                outputs.append(y[batch.weights > 0])
            start, end = task.bounds[split][0]
            by_hand = model(slice_time(whole, 0, end - 1))[0][0, start:]
            torch.testing.assert_close(torch.cat(outputs), by_hand, atol=1e-5, rtol=1e-4)
        carry, outputs = None, []
        first = task.train_batch(0, batch_size=1, seed=0)
        for index in range(6):
            batch = task.train_batch(index, batch_size=1, seed=0)
            assert bool(batch.starts.all()) == (index == 0)
            y, carry = run_batch(model, batch, carry)
            outputs.append(y)
        said = torch.cat(outputs, dim=1)
        begun = int((values_of(whole)[0, :99, :2] - first.values[0, 0, :2]).abs().sum(dim=1).argmin())
        around = (
            slice_time(whole, begun, min(99, begun + said.shape[1])),
            slice_time(whole, 0, said.shape[1] + begun - 99),
        )
        by_hand = torch.cat([model(part)[0] for part in around if values_of(part).shape[1]], dim=1)
        torch.testing.assert_close(said, by_hand, atol=1e-5, rtol=1e-4)


def test_a_gap_that_training_never_saw_is_told_to_clocks_alone(tmp_path: Path):
    times = np.arange(200.0)
    times[180:] += 50
    task = Forecast(source=written(tmp_path / "x.csv", times, walk(0, 200)))
    assert (task.pace.time_as, task.input_form.size) == ("elapsed", 2)
    assert any("can learn nothing of time" in note for note in task.notes)
    elapsed = torch.cat([batch.inputs.elapsed.flatten() for batch in task.evaluation("test", batch_size=1)])
    assert elapsed.unique().tolist() == [1, 51]


def test_nothing_of_training_depends_on_later_times(tmp_path: Path):
    times, values = irregular(2, 200), walk(2, 200)
    later = np.concatenate([times[:100], times[99] + 1000.0 * np.arange(1, 101)])
    before, after = (
        Forecast(source=written(tmp_path / f"{k}.csv", t, values), train=100, valid=50, chunk=16, horizon=3)
        for k, t in enumerate((times, later))
    )
    assert before.preprocessing() == {**after.preprocessing(), "source": before.source}
    for index in range(8):
        one, other = (task.train_batch(index, batch_size=3, seed=0) for task in (before, after))
        assert torch.equal(one.inputs.values, other.inputs.values)
        assert torch.equal(one.inputs.elapsed, other.inputs.elapsed)


DEAF = replace(default_config("phased-lstm"), width=16)
"""Its units are open now and then only, so what stands in the last row must reach the readout around them"""


@pytest.mark.parametrize("model", [ModelConfig(layer="cfc", width=16), DEAF], ids=["cfc", "phased-lstm"])
def test_times_that_are_told_are_worth_it_where_the_next_value_hangs_on_them(model: ModelConfig, tmp_path: Path):
    """A rotation seen at irregular times: the angle until the next row is all that is to be known."""
    times = np.random.default_rng(3).integers(1, 6, size=1000).cumsum().astype(float)
    angles = 2 * np.pi * times / 9
    source = written(tmp_path / "x.csv", times, np.column_stack([np.cos(angles), np.sin(angles)]))
    found = {}
    for time_as in ("steps", "elapsed"):
        task = Forecast(source=source, time_as=time_as, target="c0,c1", chunk=25)
        torch.manual_seed(0)
        made = build(model, task.input_form, task.output_size)
        Trainer(made, task, TrainConfig(steps=80, batch_size=16, learning_rate=0.02, evaluate_every=80)).run()
        found[time_as] = evaluate(made, task, "test", batch_size=8)["mase"]
    assert found["elapsed"] < 0.4 * found["steps"], found


def test_a_laser_of_which_rows_are_missing_is_forecast_better_by_who_is_told_when_they_came(data: Path, tmp_path: Path):
    kept = np.flatnonzero(np.random.default_rng(0).random(3000) < 0.6)
    intensity = np.load(data / "series" / "santafe_laser.npy").astype(float).reshape(-1, 1)[kept]
    source = written(tmp_path / "laser.csv", kept.astype(float), intensity)
    found = {}
    for time_as in ("steps", "elapsed"):
        task = Forecast(source=source, time_as=time_as, chunk=32)
        torch.manual_seed(0)
        model = build(ModelConfig(layer="lstm", width=16), task.input_form, task.output_size)
        Trainer(model, task, TrainConfig(steps=120, batch_size=16, learning_rate=0.02, evaluate_every=120)).run()
        found[time_as] = evaluate(model, task, "test", batch_size=8)["mase"]
    assert found["elapsed"] < 0.6 * found["steps"] < 0.6 * task.baselines()["last value"]["mase"], found
