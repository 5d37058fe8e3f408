"""The readout of an echo state network solved in closed form, against ridge regression done by hand in float64."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from statewise.contract import Model
from statewise.errors import UserError
from statewise.models.config import ModelConfig
from statewise.models.resolve import build
from statewise.tasks.forecast import Forecast
from statewise.tasks.recalling import DelayedRecall
from statewise.train.checkpoint import load_checkpoint
from statewise.train.closed_form import FACTORS, ReadoutFitter
from statewise.train.config import TrainConfig
from statewise.train.evaluation import evaluate

from .small import Rows, Streams, small_model

pytestmark = pytest.mark.usefixtures("float64")

STEPS, CHUNK = 6, 4


def ridge_by_hand(features: Tensor, targets: Tensor, ridge: float) -> np.ndarray:
    """(F + 1, K): least squares on centred data with a penalty, the bias from the means."""
    x, y = features.numpy(), targets.numpy()
    centred = x - x.mean(axis=0)
    weight = np.linalg.solve(centred.T @ centred + ridge * np.eye(x.shape[1]), centred.T @ (y - y.mean(axis=0)))
    return np.vstack([weight, y.mean(axis=0) - x.mean(axis=0) @ weight])


def fitted(model: Model) -> np.ndarray:
    return torch.cat([model.head.weight.T, model.head.bias.unsqueeze(0)]).detach().numpy()  # type: ignore[union-attr, operator]


def reservoir() -> Model:
    return small_model("echo-state", width=12)


def by_hand(task: Rows, features: Tensor, counted: Tensor, config: TrainConfig) -> list[np.ndarray]:
    targets = task.targets[:, : features.shape[1]]
    return [ridge_by_hand(features[counted], targets[counted], config.ridge * factor) for factor in FACTORS]


def assert_the_best_was_chosen(task: Rows, model: Model, candidates: list[np.ndarray]) -> None:
    found = fitted(model)
    valid = evaluate(model, task, "valid", batch_size=3)["error"]
    scores = []
    for candidate in candidates:
        solved = torch.from_numpy(candidate)
        model.head.load_state_dict({"weight": solved[:-1].T, "bias": solved[-1]})
        scores.append(evaluate(model, task, "valid", batch_size=3)["error"])
    assert valid == pytest.approx(min(scores))
    np.testing.assert_allclose(found, candidates[int(np.argmin(scores))], rtol=0, atol=1e-8)


@pytest.mark.parametrize("washout", [0, 3, 9])
def test_streams_are_fitted_as_one_long_sequence_behind_the_washout(washout: int):
    task, model = Streams(chunk=CHUNK), reservoir()
    config = TrainConfig(steps=STEPS, readout="ridge", ridge=1e-4, washout=washout)
    score = ReadoutFitter(model, task, config).run().progress.best_valid
    with torch.no_grad():
        features, _ = model.features(task.inputs[:, : STEPS * CHUNK])
    counted = (torch.arange(STEPS * CHUNK) >= washout).expand(3, -1)
    assert score == evaluate(model, task, "valid", batch_size=3)["error"]
    assert_the_best_was_chosen(task, model, by_hand(task, features, counted, config))


def test_a_row_that_begins_anew_is_washed_out_anew():
    task, model = Streams(chunk=CHUNK, begins=[(1, 2)]), reservoir()
    config = TrainConfig(steps=STEPS, readout="ridge", ridge=1e-4, washout=5)
    ReadoutFitter(model, task, config).run()
    with torch.no_grad():
        features, _ = model.features(task.inputs[:, : STEPS * CHUNK])
        features[1, 2 * CHUNK :] = model.features(task.inputs[1:2, 2 * CHUNK : STEPS * CHUNK])[0][0]
    age = torch.arange(STEPS * CHUNK).repeat(3, 1)
    age[1, 2 * CHUNK :] -= 2 * CHUNK
    assert_the_best_was_chosen(task, model, by_hand(task, features, age >= 5, config))


def test_a_row_that_is_reset_inside_a_chunk_is_washed_out_anew():
    cuts = [(1, 6), (2, 9), (2, 11), (2, 12)]
    task, model = Streams(chunk=CHUNK, resets=cuts), reservoir()
    config = TrainConfig(steps=STEPS, readout="ridge", ridge=1e-4, washout=3)
    ReadoutFitter(model, task, config).run()
    age = torch.arange(STEPS * CHUNK).repeat(3, 1)
    with torch.no_grad():
        features, _ = model.features(task.inputs[:, : STEPS * CHUNK])
        for row, step in cuts:
            features[row, step:] = model.features(task.inputs[row : row + 1, step : STEPS * CHUNK])[0][0]
            age[row, step:] = torch.arange(STEPS * CHUNK - step)
    assert_the_best_was_chosen(task, model, by_hand(task, features, age >= 3, config))


def test_ragged_sequences_of_their_own_are_each_washed_out():
    task, model = Rows(rows=24), reservoir()
    config = TrainConfig(steps=4, batch_size=6, readout="ridge", ridge=1e-4, washout=2)
    ReadoutFitter(model, task, config).run()
    with torch.no_grad():
        features, _ = model.features(task.inputs)
    counted = (task.weights > 0) & (torch.arange(7) >= 2)
    assert_the_best_was_chosen(task, model, by_hand(task, features, counted, config))


def test_positions_choose_what_is_fitted():
    class Asked(Rows):
        def train_batch(self, index, *, batch_size, seed):
            batch = super().train_batch(index, batch_size=batch_size, seed=seed)
            asked = torch.tensor([[6, 1, 4]]).expand(batch_size, -1)
            rows = torch.arange(batch_size).unsqueeze(1)
            return batch._replace(
                targets=batch.targets[rows, asked], weights=torch.ones(batch_size, 3), positions=asked
            )

    task, model = Asked(rows=24), reservoir()
    config = TrainConfig(steps=4, batch_size=6, readout="ridge", ridge=1e-4, washout=2)
    ReadoutFitter(model, task, config).run()
    with torch.no_grad():
        features, _ = model.features(task.inputs)
    counted = torch.isin(torch.arange(7), torch.tensor([4, 6])).expand(24, -1)
    assert_the_best_was_chosen(task, model, by_hand(task, features, counted, config))


@pytest.mark.parametrize("stop_at", [0, 1, 4])
def test_interrupted_and_gone_on_with_is_the_same(stop_at: int, tmp_path: Path):
    config = TrainConfig(steps=STEPS, readout="ridge", washout=5)
    whole, resumed = reservoir(), reservoir()
    expected = ReadoutFitter(whole, Streams(), config).run()
    done: list[int] = []
    stopped = ReadoutFitter(reservoir(), Streams(), config, tmp_path).run(
        on_step=lambda step, loss: done.append(step), should_stop=lambda: len(done) >= stop_at
    )
    assert (stopped.status, stopped.progress.step) == ("interrupted", stop_at)
    found = ReadoutFitter(resumed, Streams(), config, tmp_path).run(on_step=lambda step, loss: done.append(step))
    assert done == list(range(1, STEPS + 1))
    assert found.progress == expected.progress
    assert np.array_equal(fitted(resumed), fitted(whole))


def test_what_is_kept_does_not_grow_with_the_data(tmp_path: Path):
    kept = []
    for steps in (2, 8):
        config = TrainConfig(steps=steps, readout="ridge", checkpoint_every=2)
        ReadoutFitter(reservoir(), Streams(), config, tmp_path / str(steps)).run()
        tensors, _ = load_checkpoint(tmp_path / str(steps) / "last")
        kept.append({name: tensor.shape for name, tensor in tensors.items()})
    assert kept[0] == kept[1]


def test_a_fit_of_other_fixed_weights_is_not_gone_on_with(tmp_path: Path):
    config = TrainConfig(steps=2, readout="ridge", checkpoint_every=1)
    ReadoutFitter(reservoir(), Streams(), config, tmp_path).run()
    with pytest.raises(UserError, match="belongs to another model"):
        ReadoutFitter(small_model("echo-state", width=11), Streams(), config, tmp_path)


def test_validation_is_looked_at_once_for_all_penalties_and_so_is_the_body():
    class Counted(Streams):
        looked = 0

        def evaluation(self, split, *, batch_size, length=None):
            self.looked += 1
            return super().evaluation(split, batch_size=batch_size, length=length)

    task, model, passes = Counted(chunk=CHUNK), reservoir(), []
    model.body.register_forward_hook(lambda *_: passes.append(1))
    ReadoutFitter(model, task, TrainConfig(steps=STEPS, readout="ridge")).run()
    assert (task.looked, len(passes)) == (1, STEPS + 1)


@pytest.mark.parametrize(("scores", "best"), [((4, 3, 9, 5), 1), ((math.nan, 3, 2, 5), 2), ((1, math.inf, 7, 8), 0)])
def test_the_penalty_that_validates_best_is_taken_and_none_that_is_not_finite(scores: tuple[float, ...], best: int):
    model = reservoir()
    config = TrainConfig(steps=STEPS, readout="ridge", ridge=1e-4)
    fitter = ReadoutFitter(model, Streams(chunk=CHUNK), config)
    fitter.task.scripted = list(scores)
    assert fitter.run().progress.best_valid == scores[best]
    weight, _ = fitter.statistics.solve(config.ridge * FACTORS[best])
    assert torch.equal(model.head.weight, weight)


def test_what_cannot_be_solved_is_refused():
    class Classes(Rows):
        solvable = False

    with pytest.raises(UserError, match="no closed-form readout; say readout=gradient"):
        ReadoutFitter(reservoir(), Classes(), TrainConfig(readout="ridge")).run()
    with pytest.raises(UserError, match="nothing to fit the readout to"):
        ReadoutFitter(reservoir(), Rows(), TrainConfig(readout="ridge", steps=2, washout=7)).run()

    recalled = DelayedRecall(delay=2, shortest=12, longest=12)
    model = build(ModelConfig("echo-state", width=4, depth=1), recalled.input_form, recalled.output_size)
    longest = recalled.longest_context()
    with pytest.raises(
        UserError, match=f"washout of {longest} leaves nothing to fit of sequences of at most {longest}"
    ):
        ReadoutFitter(model, recalled, TrainConfig(readout="ridge", washout=longest))


def test_data_that_come_again_are_taken_in_once():
    class Once(Streams):
        def train_batches(self, *, batch_size: int) -> int:
            return 3

    heads = []
    for task, steps in ((Once(chunk=4), 3), (Once(chunk=4), 50), (Streams(chunk=4), 3)):
        torch.manual_seed(0)
        model, told = reservoir(), []
        fitter = ReadoutFitter(model, task, TrainConfig(readout="ridge", steps=steps))
        assert fitter.batches == fitter.run(on_step=lambda step, loss, told=told: told.append(step)).progress.step == 3
        assert told == [1, 2, 3]
        heads.append(fitted(model))
    assert np.array_equal(heads[0], heads[1])
    assert np.array_equal(heads[0], heads[2])


def test_what_one_pass_over_a_table_washes_out_is_fitted_in_others(tmp_path):
    path = tmp_path / "wave.csv"
    path.write_text("value\n" + "\n".join(f"{math.sin(step)}" for step in range(300)))
    task = Forecast(source=str(path), chunk=16)
    torch.manual_seed(0)
    model = build(ModelConfig("echo-state", width=8, depth=1), task.input_form, task.output_size)
    fitter = ReadoutFitter(model, task, TrainConfig(readout="ridge", steps=40, batch_size=4, washout=32))
    once = task.train_batches(batch_size=4)
    assert fitter.run().progress.step == fitter.batches == 40 > once
    assert fitter.statistics.examples > once * 4 * 16


def test_a_reservoir_recalls_symbols_by_a_readout_in_closed_form():
    task = DelayedRecall(delay=2, shortest=12, longest=12)
    torch.manual_seed(0)
    model = build(ModelConfig("echo-state", width=100, depth=1), task.input_form, task.output_size)
    found = ReadoutFitter(model, task, TrainConfig(steps=40, readout="ridge")).run().progress.best_valid
    chance = task.chance()
    assert chance is not None
    assert found is not None
    assert found > 0.95 > 5 * chance
