"""Truncated backpropagation: the state goes on through the streams, the gradient ends at the chunk's border."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from statewise import tree
from statewise.contract import Model
from statewise.data.streams import training_window
from statewise.layers.attention.attentive_decoder import AttentiveDecoder
from statewise.layers.recurrent.gru import GRU
from statewise.train.config import TrainConfig
from statewise.train.forward import starting_state
from statewise.train.loop import Trainer
from statewise.tree import State

from .small import Streams, gradients, keep_gradients, small_model

pytestmark = pytest.mark.usefixtures("float64")

LAYERS = ["lstm", "gru", "attention", "mamba", "ntm"]


def assert_same_state(found: State, expected: State):
    for one, other in zip(tree.leaves(found), tree.leaves(expected), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("accumulate", [1, 3])
def test_the_carried_state_is_that_of_the_whole_sequence(layer: str, accumulate: int):
    task, model = Streams(), small_model(layer)
    trainer = Trainer(model, task, TrainConfig(accumulate=accumulate))
    keep_gradients(trainer)
    for update in range(1, 4):
        trainer.update()
        _, whole = model(task.inputs[:, : update * accumulate * task.chunk])
        assert_same_state(trainer.carry, whole)
        assert not any(leaf.requires_grad for leaf in tree.leaves(trainer.carry))


def test_rows_that_begin_anew_begin_from_the_initial_state():
    task, model = Streams(begins=[(1, 2)]), small_model()
    trainer = Trainer(model, task, TrainConfig())
    keep_gradients(trainer)
    for _ in range(4):
        trainer.update()
    _, whole = model(task.inputs[:, : 4 * task.chunk])
    _, late = model(task.inputs[:, 2 * task.chunk : 4 * task.chunk])
    assert_same_state(trainer.carry, tree.where(torch.tensor([False, True, False]), late, whole))


def test_a_carried_source_lives_on_and_rows_that_begin_anew_have_none(tmp_path: Path):
    """The state of a decoder is as long as its source, which no initial state knows."""
    torch.manual_seed(0)
    decoder = AttentiveDecoder(input_size=3, hidden_size=4, memory_size=6, attention_size=5, cell=GRU)
    model = Model(decoder, nn.Linear(10, 2), 2)
    task, config = Streams(begins=[(1, 2)]), TrainConfig(steps=2, checkpoint_every=2, schedule="constant")
    trainer = Trainer(model, task, config, tmp_path)
    source = decoder.start(torch.randn(3, 8, 6), torch.tensor([8, 5, 2]))
    trainer.progress.step, trainer.carry = 1, source
    batch = task.train_batch(2, batch_size=3, seed=0)
    begun = starting_state(model, batch, source)
    assert_same_state(
        begun, tree.where(batch.starts, decoder.start(torch.zeros(3, 8, 6), torch.zeros(3, dtype=torch.int64)), source)
    )
    assert begun.lengths.tolist() == [8, 0, 2]
    trainer.run()
    resumed = Trainer(model, task, config, tmp_path)
    assert_same_state(resumed.carry, trainer.carry)
    assert resumed.carry.memory.shape == (3, 8, 6)


@pytest.mark.parametrize("layer", LAYERS)
def test_the_gradient_is_cut_exactly_at_the_border(layer: str):
    task, model = Streams(), small_model(layer)
    trainer = Trainer(model, task, TrainConfig(clip="none"))
    kept = keep_gradients(trainer)
    trainer.update()
    trainer.update()
    borders = (torch.Tensor.detach, lambda leaf: leaf)
    cut, uncut = (gradients(model, lambda join=join: second_loss(model, task, join)) for join in borders)
    for found, expected in zip(kept[1], cut, strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    assert max(float((found - other).abs().max()) for found, other in zip(kept[1], uncut, strict=True)) > 1e-5


def second_loss(model: Model, task: Streams, join: Callable[[Tensor], Tensor]) -> Tensor:
    """Mean loss of the second chunk, the state of the first put through ``join``."""
    first, second = (task.train_batch(index, batch_size=3, seed=0) for index in (0, 1))
    state = tree.map(join, model(first.inputs)[1])
    outputs, _ = model(second.inputs, state)
    return task.loss(outputs, second) / second.weights.sum()


def test_windows_follow_each_other_without_gap_or_overlap_until_the_epoch_ends():
    windows = [training_window(index, total=103, rows=4, length=5, seed=2) for index in range(12)]
    for number, (one, other) in enumerate(pairwise(windows)):
        goes_on = number % 5 != 4
        assert bool((other.begins == (not goes_on)).all())
        assert torch.equal(other.places[:, 0] == one.places[:, -1] + 1, torch.full((4,), goes_on))
    epoch = torch.cat([window.places for window in windows[:5]], dim=1)
    assert len(epoch.unique()) == epoch.numel()
