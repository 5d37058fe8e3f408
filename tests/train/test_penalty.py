"""Penalties against autograd, against solutions in closed form, and beside weight decay."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from statewise.errors import UserError
from statewise.tasks.batch import Batch
from statewise.train.config import TrainConfig
from statewise.train.forward import run_batch
from statewise.train.loop import Trainer
from statewise.train.optimization import parameter_groups

from .small import Rows, ends_the_same_wherever_it_is_stopped, gradients, keep_gradients, small_model, weights

pytestmark = pytest.mark.usefixtures("float64")


@pytest.mark.parametrize(("l1", "l2"), [(0.3, 0.0), (0.0, 0.7), (0.3, 0.7)], ids=["l1", "l2", "elastic"])
def test_the_gradient_is_that_of_loss_and_penalty(l1: float, l2: float):
    model, task = small_model(norm="layer", block="residual"), Rows()
    config = TrainConfig(steps=2, clip="none", accumulate=2, batch_size=4, l1=l1, l2=l2)
    batches = [task.train_batch(part, batch_size=4, seed=0) for part in range(2)]
    positions = sum(batch.weights.sum() for batch in batches)
    spared = [p for name, p in model.named_parameters() if p.dim() < 2 or "bias" in name]
    assert spared

    def penalised() -> Tensor:
        loss = sum(task.loss(run_batch(model, batch, None)[0], batch) for batch in batches) / positions
        large = [p for p in model.parameters() if all(p is not other for other in spared)]
        absolute = sum(p.abs().sum() for p in large)
        return loss + l1 * absolute + l2 / 2 * sum(p.square().sum() for p in large)

    expected = gradients(model, penalised)
    plain = gradients(model, lambda: sum(task.loss(run_batch(model, b, None)[0], b) for b in batches) / positions)
    trainer = Trainer(model, task, config)
    kept = keep_gradients(trainer)
    trainer.update()
    for found, wanted, without in zip(kept[0], expected, plain, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)
        assert torch.equal(wanted, without) == (found.dim() < 2)


def test_the_recorded_loss_is_the_tasks_own():
    penalised, plain = (
        Trainer(small_model(), Rows(), TrainConfig(steps=1, l1=l1, l2=l1)).run().history[0] for l1 in (9.0, 0.0)
    )
    assert penalised.train_loss == plain.train_loss
    assert penalised.gradient_norm > 2 * plain.gradient_norm


def test_what_a_layer_calls_undecayed_is_spared():
    model = small_model("lru")
    trainer = Trainer(model, Rows(), TrainConfig(steps=1, l2=1.0))
    decayed = {id(p) for p in parameter_groups(model, 0.1)[0]["params"]}  # type: ignore[attr-defined]
    assert {id(p) for p in trainer.penalised} == decayed
    assert len(decayed) < len(trainer.parameters)


class Indifferent(Rows):
    """Every output is as good as any."""

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        return 0.0 * outputs.sum()


def penalised_alone(**fields: object) -> tuple[Tensor, Tensor]:
    """A recurrent matrix before and after plain descent on nothing but its penalty."""
    model = small_model()
    config = TrainConfig(
        optimizer="sgd", momentum=0.0, learning_rate=0.1, warmup=0, schedule="constant", clip="none", **fields
    )  # type: ignore[arg-type]
    (name,) = [name for name in weights(model) if "weight_hh" in name]
    before = weights(model)[name]
    trainer = Trainer(model, Indifferent(), config)
    for _ in range(config.steps):
        trainer.update()
    return before, weights(model)[name]


def test_l2_alone_shrinks_geometrically_as_decay_does_under_plain_descent():
    before, after = penalised_alone(steps=12, l2=0.5)
    torch.testing.assert_close(after, before * (1 - 0.1 * 0.5) ** 12)
    torch.testing.assert_close(after, penalised_alone(steps=12, weight_decay=0.5)[1])


def test_l1_alone_shrinks_by_the_same_amount_until_zero():
    before, after = penalised_alone(steps=12, l1=0.02)
    far = before.abs() > 12 * 0.1 * 0.02
    torch.testing.assert_close(after[far], (before - before.sign() * 12 * 0.1 * 0.02)[far])
    assert (~far).any()
    assert float(after[~far].abs().max()) <= 0.1 * 0.02


def test_under_adamw_a_penalty_is_not_decay():
    found = {}
    for name in ("l2", "weight_decay"):
        model = small_model()
        trainer = Trainer(model, Rows(), TrainConfig(steps=3, warmup=0, **{name: 0.5}))  # type: ignore[arg-type]
        for _ in range(3):
            trainer.update()
        found[name] = weights(model)
    assert not all(torch.allclose(found["l2"][name], found["weight_decay"][name]) for name in found["l2"])


def test_stopped_at_any_update_it_ends_the_same(tmp_path: Path):
    config = TrainConfig(steps=6, l1=0.01, l2=0.1, evaluate_every=3, checkpoint_every=2)
    ends_the_same_wherever_it_is_stopped(lambda folder: Trainer(small_model(), Rows(), config, folder), tmp_path)


@pytest.mark.parametrize("name", ["l1", "l2"])
def test_a_negative_penalty_is_refused(name: str):
    with pytest.raises(UserError, match=f"{name} must not be negative"):
        TrainConfig(**{name: -1.0})  # type: ignore[arg-type]
