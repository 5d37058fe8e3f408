"""How a training ends: steps that are not finite, divergence, early stopping, interruption; each alike when resumed."""

import copy
import math
from pathlib import Path

import pytest
import torch

from statewise import tree
from statewise.errors import UserError
from statewise.train.checkpoint import load_checkpoint
from statewise.train.config import TrainConfig
from statewise.train.divergence import GIVE_UP_AFTER
from statewise.train.history import HistoryEntry, Outcome, read_history
from statewise.train.loop import Trainer

from .small import Poisoned, Rows, small_model, weights

pytestmark = pytest.mark.usefixtures("float64")

POISONED = {"loss": {"losses": [2]}, "gradient": {"gradients": [2]}}


@pytest.mark.parametrize("where", POISONED)
@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "rmsprop"])
def test_a_step_that_is_not_finite_is_counted_and_changes_nothing(where: str, optimizer: str):
    model = small_model()
    trainer = Trainer(model, Poisoned(**POISONED[where]), TrainConfig(optimizer=optimizer, weight_decay=0.1))
    trainer.update()
    trainer.update()
    before, slots = weights(model), copy.deepcopy(trainer.optimizer.state_dict()["state"])
    trainer.update()
    assert (trainer.progress.skipped, trainer.progress.skipped_in_a_row, trainer.progress.step) == (1, 1, 3)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    for index, kept in trainer.optimizer.state_dict()["state"].items():
        assert all(torch.equal(torch.as_tensor(slot), torch.as_tensor(slots[index][key])) for key, slot in kept.items())
    loss = trainer.update()
    assert math.isfinite(loss)
    assert (trainer.progress.skipped, trainer.progress.skipped_in_a_row) == (1, 0)
    assert any(not torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(bool(leaf.isfinite().all()) for leaf in tree.leaves(trainer.carry))


def test_one_small_batch_that_is_not_finite_spoils_the_update_and_no_other():
    trainer = Trainer(small_model(), Poisoned(losses=[1]), TrainConfig(accumulate=3))
    trainer.update()
    assert trainer.progress.skipped == 1
    trainer.update()
    assert trainer.progress.skipped == 1


def test_many_in_a_row_stop_the_training_with_advice_and_keep_the_best_weights(tmp_path: Path):
    config = TrainConfig(steps=100, evaluate_every=2, learning_rate=0.125, clip_at=0.5, warmup=3)
    task = Poisoned(losses=range(4, 100))
    at_evaluation: list[tuple[float, dict[str, torch.Tensor]]] = []
    model = small_model()
    outcome = Trainer(model, task, config, tmp_path).run(
        on_entry=lambda entry: at_evaluation.append((entry.valid, weights(model)))
    )
    assert outcome.status == "diverged"
    assert outcome.progress.step == 4 + GIVE_UP_AFTER
    assert outcome.advice is not None
    for part in ("not finite", "learning_rate (now 0.125)", "clip harder (now norm at 0.5)", "warmup (now 3)"):
        assert part in outcome.advice
    best = min(at_evaluation, key=lambda pair: pair[0])[1]
    assert all(torch.equal(tensor, best[name]) for name, tensor in model.state_dict().items())
    assert read_history(tmp_path / "history.jsonl")[-1].skipped == GIVE_UP_AFTER
    again = Trainer(small_model(), task, config, tmp_path).run()
    assert (again.status, again.progress, again.advice) == ("diverged", outcome.progress, outcome.advice)


def test_a_loss_that_explodes_stops_the_training():
    config = TrainConfig(
        steps=500, evaluate_every=10, optimizer="sgd", momentum=0, learning_rate=50.0, warmup=0, clip="none"
    )
    outcome = Trainer(small_model("rnn", options={"activation": "relu"}), Rows(), config).run()
    assert outcome.status == "diverged"
    assert outcome.progress.step < 500
    assert outcome.advice is not None
    assert "clip harder (now none)" in outcome.advice


def test_a_loss_that_merely_rises_does_not():
    class Rising(Rows):
        def loss(self, outputs, batch):
            self.made = getattr(self, "made", 0) + 1
            return super().loss(outputs, batch).detach() * 0 + outputs.sum() * 0 + self.made * batch.weights.sum()

    outcome = Trainer(small_model(), Rising(scores=[1.0] * 6), TrainConfig(steps=40, evaluate_every=20)).run()
    assert outcome.status == "finished"
    assert outcome.history[-1].train_loss > 20 * outcome.progress.first_loss


def test_validation_that_is_never_finite_is_divergence():
    task = Rows(scores=[float("nan")] * 3)
    outcome = Trainer(small_model(), task, TrainConfig(steps=6, evaluate_every=2)).run()
    assert outcome.status == "diverged"
    assert len(outcome.history) == 3


SCORES = [5.0, 3.0, 4.0, 3.5, 3.0, 1.0, 1.0]
"""The best one before three without improvement is the second; equal is no improvement"""


def run_scripted(folder: Path | None, **fields: object) -> tuple[Outcome, dict[str, torch.Tensor], list[HistoryEntry]]:
    """Outcome, weights at the second evaluation, entries told."""
    model, told, second = small_model(), [], {}

    def tell(entry: HistoryEntry) -> None:
        told.append(entry)
        if entry.step == 4:
            second.update(weights(model))

    config = TrainConfig(steps=14, evaluate_every=2, **fields)  # type: ignore[arg-type]
    outcome = Trainer(model, Rows(scores=SCORES), config, folder).run(on_entry=tell)
    second["now"] = weights(model)  # type: ignore[assignment]
    return outcome, second, told


@pytest.mark.parametrize("checkpoint_every", [1, 2, 3, 200])
def test_early_stopping_gives_the_best_weights_back(checkpoint_every: int, tmp_path: Path):
    outcome, second, told = run_scripted(tmp_path, patience=3, checkpoint_every=checkpoint_every)
    assert (outcome.status, outcome.progress.step) == ("stopped early", 10)
    assert (outcome.progress.best_step, outcome.progress.best_valid) == (4, 3.0)
    now = second.pop("now")
    assert all(torch.equal(tensor, now[name]) for name, tensor in second.items())  # type: ignore[index]
    kept, _ = load_checkpoint(tmp_path / "last")
    assert all(torch.equal(tensor, kept["best." + name]) for name, tensor in second.items())
    assert any(not torch.equal(tensor, kept["model." + name]) for name, tensor in second.items())
    assert [entry.step for entry in read_history(tmp_path / "history.jsonl")] == [entry.step for entry in told]
    model = small_model()
    again = Trainer(model, Rows(), TrainConfig(steps=14, evaluate_every=2, patience=3), tmp_path).run()
    assert (again.status, again.progress) == (outcome.status, outcome.progress)
    assert all(torch.equal(tensor, second[name]) for name, tensor in model.state_dict().items())


def test_without_patience_all_steps_are_done_and_the_best_weights_stay():
    outcome, second, _ = run_scripted(None)
    assert (outcome.status, outcome.progress.step, outcome.progress.best_step) == ("finished", 14, 12)
    assert any(not torch.equal(tensor, second["now"][name]) for name, tensor in second.items() if name != "now")


def test_higher_can_be_better():
    task = Rows(scores=[1.0, 4.0, 2.0])
    task.primary = task.primary.__class__("error", "units", lower_is_better=False)  # type: ignore[misc]
    outcome = Trainer(small_model(), task, TrainConfig(steps=6, evaluate_every=2)).run()
    assert (outcome.progress.best_step, outcome.progress.best_valid) == (4, 4.0)


def test_no_steps_score_the_model_as_it_is():
    outcome = Trainer(small_model(), Rows(), TrainConfig(steps=0)).run()
    assert (outcome.status, len(outcome.history), outcome.history[0].step) == ("finished", 1, 0)
    assert outcome.history[0].train_loss is None


def test_where_all_updates_since_an_evaluation_were_skipped_no_loss_is_told(tmp_path: Path):
    config = TrainConfig(steps=6, evaluate_every=2)
    outcome = Trainer(small_model(), Poisoned(losses=[2, 3]), config, tmp_path).run()
    assert [entry.train_loss is None for entry in outcome.history] == [False, True, False]
    assert read_history(tmp_path / "history.jsonl") == outcome.history


@pytest.mark.parametrize("stop_at", [0, 1, 5, 6, 11])
def test_interrupted_and_gone_on_with_is_the_same(stop_at: int, tmp_path: Path):
    config = TrainConfig(steps=12, evaluate_every=3, checkpoint_every=4)
    whole, model = small_model(), small_model()
    expected = Trainer(whole, Rows(), config).run()
    done: list[int] = []
    outcome = Trainer(model, Rows(), config, tmp_path).run(
        on_step=lambda step, loss: done.append(step), should_stop=lambda: len(done) >= stop_at
    )
    assert (outcome.status, outcome.progress.step) == ("interrupted", stop_at)
    resumed = small_model(width=4)
    torch.nn.init.zeros_(resumed.head.weight)
    found = Trainer(resumed, Rows(), config, tmp_path).run()
    assert found.progress == expected.progress
    assert all(torch.equal(tensor, whole.state_dict()[name]) for name, tensor in resumed.state_dict().items())
    for one, other in zip(found.history, expected.history, strict=True):
        assert {**vars(one), "seconds": 0} == {**vars(other), "seconds": 0}


WRONG = [
    {"optimizer": "adam"}, {"schedule": "linear"}, {"clip": "global"}, {"precision": "float16"}, {"readout": "svd"},
    {"steps": -1}, {"batch_size": 0}, {"accumulate": 0}, {"learning_rate": 0.0}, {"learning_rate": float("nan")},
    {"momentum": 1.0}, {"betas": (0.9, 1.0)}, {"clip_at": 0.0}, {"patience": -1}, {"decay_to": 2.0}, {"ridge": -1.0},
]  # fmt: skip


@pytest.mark.parametrize("fields", WRONG, ids=str)
def test_a_config_that_cannot_be_is_refused(fields: dict[str, object]):
    with pytest.raises(UserError, match=next(iter(fields))):
        TrainConfig(**fields)  # type: ignore[arg-type]
