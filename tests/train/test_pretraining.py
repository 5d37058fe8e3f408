"""Greedy pretraining against models that have only the blocks that run, and what is left alone by every stage."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from statewise import tree
from statewise.combine.blocks import Blocks
from statewise.contract import Model
from statewise.errors import UserError
from statewise.layers.recurrent.lstm import LSTM
from statewise.train.config import TrainConfig
from statewise.train.loop import Trainer
from statewise.train.pretraining import stage_at
from statewise.used import without_idle

from .small import Rows, Streams, ends_the_same_wherever_it_is_stopped, keep_gradients, small_model, stop_after, weights

pytestmark = pytest.mark.usefixtures("float64")

KINDS = ("greedy", "greedy-frozen")
STAGES = {"steps": 16, "pretraining_share": 0.75, "clip": "none"}
"""Of three blocks: four updates each, four of all together"""


def deep(depth: int = 3, **fields: Any) -> Model:
    return small_model(depth=depth, **{"block": "residual", **fields})


def trainer_of(model: Model, kind: str, **fields: Any) -> Trainer:
    return Trainer(model, Streams(chunk=2), without_idle(TrainConfig(**{**STAGES, "pretraining": kind, **fields})))


def block_of(name: str) -> str:
    """``0``, ``1``, ... of a block's weights, ``end`` of the norm behind them, else the name of the model's part."""
    part, *rest = name.split(".")
    if part != "body":
        return part
    return "end" if rest[1] == "3" else rest[1]


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("depth", [1, 2, 5])
def test_stages_come_in_order_and_take_equal_shares(depth: int, share: float):
    config = TrainConfig(steps=200, pretraining="greedy", pretraining_share=share)
    found = [stage_at(step, depth, config) for step in range(200)]
    assert found == sorted(found)
    taken = [found.count(stage) for stage in range(1, depth + 2)]
    assert all(abs(updates - share * 200 / depth) < 1.001 for updates in taken[:-1])
    assert taken[-1] == pytest.approx(200 * (1 - share))


@pytest.mark.parametrize("stage", [1, 2])
def test_a_stage_is_the_training_of_a_model_with_that_many_blocks(stage: int):
    whole = deep()
    small = deep(stage)
    shared = {name.replace("body.layers.3.", f"body.layers.{stage}."): t for name, t in weights(whole).items()}
    small.load_state_dict({name: shared[name] for name in weights(small)})
    ours, theirs = trainer_of(whole, "greedy"), trainer_of(small, "none")
    kept, expected = keep_gradients(ours), keep_gradients(theirs)
    first = 4 * (stage - 1)
    ours.progress.step = theirs.progress.step = first
    for _ in range(3):
        assert ours.update() == theirs.update()
    for mine, its in zip(kept, expected, strict=True):
        found = dict(zip((name for name, _ in whole.named_parameters()), mine, strict=True))
        there = dict(zip((name for name, _ in small.named_parameters()), its, strict=True))
        for name, gradient in found.items():
            known = there.get(name.replace("body.layers.3.", f"body.layers.{stage}."))
            above = block_of(name) in {"1", "2"} and int(block_of(name)) >= stage
            assert torch.equal(gradient, torch.zeros_like(gradient) if above or known is None else known), name


def moved(kind: str, updates: Sequence[int], **fields: Any) -> set[str]:
    """The parts of a model that these updates change, momentum and weight decay among the reasons."""
    model = deep()
    trainer = trainer_of(model, kind, weight_decay=0.1, l1=0.1, l2=0.1, **fields)
    for _ in range(updates[0]):
        trainer.update()
    before = weights(model)
    for _ in updates:
        trainer.update()
    return {block_of(name) for name, tensor in weights(model).items() if not torch.equal(tensor, before[name])}


OUTSIDE = {"embedding", "head", "end"}


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "rmsprop"])
def test_frozen_blocks_stay_and_those_to_come_too(optimizer: str):
    def of(updates: range) -> set[str]:
        return moved("greedy-frozen", updates, optimizer=optimizer)

    assert of(range(4)) == OUTSIDE | {"0"}
    assert of(range(4, 8)) == {"head", "end", "1"}
    assert of(range(8, 12)) == {"head", "end", "2"}
    assert of(range(12, 16)) == OUTSIDE | {"0", "1", "2"}


def test_without_freezing_all_blocks_that_run_are_trained():
    assert moved("greedy", range(4)) == OUTSIDE | {"0"}
    assert moved("greedy", range(4, 8)) == OUTSIDE | {"0", "1"}
    assert moved("greedy", range(8, 12)) == OUTSIDE | {"0", "1", "2"}


@pytest.mark.parametrize("kind", KINDS)
def test_afterwards_it_is_the_usual_training(kind: str):
    ours, theirs = trainer_of(deep(), kind), trainer_of(deep(), "none")
    kept, expected = keep_gradients(ours), keep_gradients(theirs)
    ours.progress.step = theirs.progress.step = 12
    ours.update()
    theirs.update()
    assert all(torch.equal(one, other) for one, other in zip(kept[0], expected[0], strict=True))


def test_the_state_is_carried_over_and_a_new_block_begins_empty():
    model = deep()
    trainer = trainer_of(model, "greedy")
    keep_gradients(trainer)
    for _ in range(4):
        trainer.update()
    low, *above = trainer.carry[:3]  # type: ignore[index]
    assert all(bool((leaf != 0).any()) for leaf in tree.leaves(low))
    assert not any(bool((leaf != 0).any()) for leaf in tree.leaves(tuple(above)))
    batch = trainer.trained_on.train_batch(4, batch_size=32, seed=0)
    expected = model.body.first(2)(model.embedding(batch.inputs)[0], trainer.carry)[1]  # type: ignore[operator, misc]
    trainer.update()
    for one, other in zip(tree.leaves(trainer.carry), tree.leaves(expected), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("kind", KINDS)
def test_dense_blocks_are_trained_one_by_one(kind: str):
    trainer = trainer_of(deep(block="dense"), kind)
    losses = [trainer.update() for _ in range(16)]
    assert all(torch.isfinite(torch.tensor(losses)))
    model = deep(block="dense")
    begun = weights(model)
    stop_after(trainer_of(model, kind), 4)
    changed = {block_of(name) for name, tensor in weights(model).items() if not torch.equal(tensor, begun[name])}
    assert changed == OUTSIDE | {"0"}


@pytest.mark.parametrize("kind", KINDS)
def test_all_are_trained_again_when_it_ends_or_is_stopped(kind: str):
    model = deep()
    stop_after(trainer_of(model, kind), 6)
    assert all(parameter.requires_grad for parameter in model.parameters())
    trainer_of(model, kind, pretraining_share=0.9).run()
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_what_was_frozen_before_stays_frozen():
    model = deep()
    model.embedding.requires_grad_(False)  # type: ignore[union-attr]
    before = weights(model)
    trainer_of(model, "greedy").run()
    changed = {block_of(name) for name, tensor in weights(model).items() if not torch.equal(tensor, before[name])}
    assert changed == {"0", "1", "2", "end", "head"}
    assert not any(parameter.requires_grad for parameter in model.embedding.parameters())  # type: ignore[union-attr]


def test_the_best_model_is_a_whole_one():
    """The best scores come while not all blocks run; they stand in the history and are not chosen."""
    scores = [1.0, 2.0, 3.0, 4.0, 9.0, 8.0, 7.0, 8.0]
    config = TrainConfig(**STAGES, evaluate_every=2, pretraining="greedy", patience=2)  # type: ignore[arg-type]
    outcome = Trainer(deep(), Rows(scores=scores), config).run()
    assert [entry.valid for entry in outcome.history] == scores
    assert (outcome.progress.best_valid, outcome.progress.best_step) == (7.0, 14)


def test_a_stage_is_scored_with_the_blocks_that_ran():
    model = deep()
    config = TrainConfig(**STAGES, evaluate_every=4, pretraining="greedy", learning_rate=1e-12)  # type: ignore[arg-type]
    outcome = Trainer(model, Rows(), config).run()
    task = Rows()
    batch = next(task.evaluation("valid", batch_size=4))
    expected = []
    for blocks in (1, 2):
        features = model.body.first(blocks)(model.embedding(batch.inputs)[0])[0]  # type: ignore[operator, misc]
        expected.append(task.loss(model.head(features), batch).item())
    expected += [task.loss(model(batch.inputs)[0], batch).item()] * 2
    assert [entry.valid for entry in outcome.history] == pytest.approx(expected)


def test_what_cannot_be_pretrained_says_so():
    bare = deep()
    with pytest.raises(UserError, match=r"LSTM has no blocks .* say pretraining=none"):
        trainer_of(Model(bare.body.block(0)[0].layer.layer, bare.head, 2), "greedy")  # type: ignore[operator, union-attr]
    narrowing = Blocks([[LSTM(input_size=3, hidden_size=5)], [LSTM(input_size=5, hidden_size=4)]])
    with pytest.raises(UserError, match="blocks of widths 5, 4 cannot share one head"):
        trainer_of(Model(narrowing, bare.head, 2), "greedy")
    with pytest.raises(UserError, match=r"0\.75 of 3 updates are too few to pretrain 3 blocks"):
        trainer_of(deep(), "greedy", steps=3)
    with pytest.raises(UserError, match="no effect on a model of one block; leave it out, or take more blocks"):
        trainer_of(deep(1), "greedy")


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_share_that_leaves_nothing_of_it_or_of_what_comes_after_says_so(share: float):
    with pytest.raises(UserError, match="pretraining_share must be above 0 and below 1"):
        TrainConfig(pretraining_share=share)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("block", ["plain", "residual", "dense"])
def test_stopped_at_any_update_it_ends_the_same(kind: str, block: str, tmp_path: Path):
    fields: dict[str, Any] = {"evaluate_every": 3, "checkpoint_every": 4, "schedule": "plateau", "steps": 9}

    def make(folder: Path | None) -> Trainer:
        config = without_idle(TrainConfig(**{**STAGES, **fields, "pretraining": kind}))
        return Trainer(deep(dropout=0.3, block=block), Streams(chunk=2), config, folder)

    ends_the_same_wherever_it_is_stopped(make, tmp_path)
