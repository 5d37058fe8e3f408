"""Several small batches make the same update as one large one, however unevenly their positions count."""

import pytest
import torch

from statewise.train.config import TrainConfig
from statewise.train.loop import Trainer

from .small import Rows, gradients, keep_gradients, small_model, weights

pytestmark = pytest.mark.usefixtures("float64")


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "rmsprop"])
@pytest.mark.parametrize(("clip", "clip_at"), [("norm", 0.05), ("value", 0.005), ("none", 1.0)])
def test_small_batches_equal_one_large(optimizer: str, clip: str, clip_at: float):
    ends, losses = [], []
    for parts in (1, 2, 4, 8):
        config = TrainConfig(
            steps=3, batch_size=8 // parts, accumulate=parts, optimizer=optimizer, clip=clip, clip_at=clip_at, warmup=0
        )  # fmt: skip
        model = small_model()
        trainer = Trainer(model, Rows(), config)
        losses.append([trainer.update() for _ in range(3)])
        ends.append(weights(model))
    for loss, end in zip(losses[1:], ends[1:], strict=True):
        assert loss == pytest.approx(losses[0], abs=1e-10)
        for name, tensor in end.items():
            torch.testing.assert_close(tensor, ends[0][name], rtol=0, atol=1e-10)


def test_the_loss_is_divided_by_the_positions_that_count_in_the_whole_update():
    task, model = Rows(), small_model()
    trainer = Trainer(model, task, TrainConfig(batch_size=2, accumulate=4, clip="none"))
    kept = keep_gradients(trainer)
    told = trainer.update()
    batches = [task.train_batch(index, batch_size=2, seed=0) for index in range(4)]
    counts = [float(batch.weights.sum()) for batch in batches]
    assert len(set(counts)) > 1

    def mean_over_positions() -> torch.Tensor:
        return sum(task.loss(model(batch.inputs)[0], batch) for batch in batches) / sum(counts)

    def mean_of_means() -> torch.Tensor:
        return sum(task.loss(model(b.inputs)[0], b) / n for b, n in zip(batches, counts, strict=True)) / 4

    assert told == pytest.approx(mean_over_positions().item(), abs=1e-12)
    for found, right, wrong in zip(
        kept[0], gradients(model, mean_over_positions), gradients(model, mean_of_means), strict=True
    ):
        torch.testing.assert_close(found, right, rtol=0, atol=1e-12)
        assert not torch.allclose(found, wrong, rtol=1e-3, atol=0)


def test_an_update_in_which_nothing_counts_changes_nothing():
    task, model = Rows(), small_model()
    task.weights.zero_()
    before = weights(model)
    trainer = Trainer(model, task, TrainConfig(optimizer="sgd"))
    assert trainer.update() == 0
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
