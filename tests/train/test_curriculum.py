"""Lengths by hand and by their ends, what batches a training sees of them, and streams cut where said."""

from typing import Any

import pytest
import torch

from statewise.contract import Tokens
from statewise.errors import UserError
from statewise.models.config import ModelConfig
from statewise.models.resolve import build
from statewise.tasks.computing import Adding, Parity
from statewise.tasks.copying import Copy
from statewise.tasks.data import TaskData
from statewise.train.config import TrainConfig
from statewise.train.curriculum import check_curriculum, length_at, training_batches
from statewise.train.loop import Trainer
from statewise.train.start import make_trainer

from .small import Rows, Streams, ends_the_same_wherever_it_is_stopped, keep_gradients, small_model

pytestmark = pytest.mark.usefixtures("float64")


def lengths(longest: int, *, least: int = 1, **fields: Any) -> list[int]:
    config = TrainConfig(**{"steps": 40, "curriculum": "linear", **fields})
    return [length_at(step, longest, config, least=least) for step in range(config.steps)]


def test_linear_against_its_line():
    found = lengths(30, curriculum_from=10, curriculum_share=0.5)
    assert found[:20] == [10 + step for step in range(20)]
    assert found[20:] == [30] * 20


def test_powers_of_two_take_even_intervals():
    found = lengths(100, curriculum="pow2", curriculum_from=10, curriculum_share=0.8)
    assert found == [10] * 8 + [20] * 8 + [40] * 8 + [80] * 8 + [100] * 8


@pytest.mark.parametrize("kind", ["linear", "pow2"])
@pytest.mark.parametrize(
    ("first", "longest", "share"), [(1, 40, 0.5), (7, 9, 0.3), (3, 64, 1.0), (5, 5, 0.5), (9, 5, 1)]
)
def test_lengths_rise_from_the_first_to_the_tasks_own(kind: str, first: int, longest: int, share: float):
    found = lengths(longest, curriculum=kind, curriculum_from=first, curriculum_share=share)
    assert found == sorted(found)
    assert found[0] == min(first, longest)
    assert max(found) <= longest
    assert set(found[int(share * 40) :]) <= {longest}


def test_none_is_as_if_it_were_not():
    assert set(lengths(30, curriculum="none", curriculum_from=10)) == {30}


def test_never_below_what_the_task_can_make():
    assert lengths(20, least=4)[0] == 4


def seen(task: TaskData, model: str = "lstm", **fields: Any) -> list[tuple[int, int]]:
    """Rows and time steps of every training batch."""
    config = TrainConfig(**{"batch_size": 3, "evaluate_every": 100, **fields})
    shapes = []
    for step in range(config.steps):
        for part in range(config.accumulate):
            shapes += [batch.shape for batch in training_batches(task, step * config.accumulate + part, step, config)]
    return shapes


def test_a_task_of_one_length_is_seen_at_every_length_below():
    task = Adding(shortest=20, longest=20)
    found = [steps for _, steps in seen(task, steps=20, curriculum="linear", curriculum_from=10, accumulate=2)]
    expected = [10 + step if step < 10 else 20 for step in range(20)]
    assert found == [length for length in expected for _ in range(2)]


def test_short_sequences_stay_among_the_long_ones():
    task = Parity(shortest=1, longest=40)
    found = [steps for _, steps in seen(task, steps=400, curriculum="pow2", curriculum_from=5, curriculum_share=0.5)]
    assert max(found[:66]) == 5
    assert max(found[200:]) > 35
    assert min(found[200:]) < 5


def test_a_length_is_the_tasks_own_count():
    found = [steps for _, steps in seen(Copy(shortest=8, longest=8), steps=2, curriculum="linear", curriculum_from=2)]
    whole = [steps for _, steps in seen(Copy(shortest=2, longest=2), steps=2)]
    assert found[0] == whole[0]


def test_after_the_growing_batches_are_those_of_no_curriculum():
    task = Parity(longest=12)
    config = TrainConfig(steps=10, batch_size=4, curriculum="linear", curriculum_share=0.4)
    for step in range(4, 10):
        (grown,) = training_batches(task, step, step, config)
        assert torch.equal(grown.inputs, task.train_batch(step, batch_size=4, seed=0).inputs)


def test_the_task_is_left_as_it_was():
    task = Parity(shortest=3, longest=12)
    assert task.up_to(2).train_lengths == (2, 2)
    assert task.up_to(5).train_lengths == (3, 5)
    assert task.up_to(50).train_lengths == (3, 12)
    assert task.train_lengths == (3, 12)
    with pytest.raises(UserError, match="must be at least 1"):
        task.up_to(0)


def test_validation_is_of_the_full_lengths():
    """Scores of an untrained model do not depend on the curriculum."""
    fields = {"steps": 1, "learning_rate": 1e-12, "batch_size": 4}
    task = Parity(longest=12, evaluation_sequences=24)
    scores = []
    for curriculum in ("none", "linear"):
        torch.manual_seed(0)
        model = build(ModelConfig("gru", width=4, depth=1), Tokens(2), 2)
        found = Trainer(model, task, TrainConfig(**fields, curriculum=curriculum)).run()  # type: ignore[arg-type]
        scores.append(found.history[0].valid)
    assert scores[0] == scores[1]


def test_a_stream_is_cut_into_pieces_that_follow_each_other():
    task = Streams(chunk=10, begins=[(1, 1)], resets=[(0, 14), (2, 15)])
    config = TrainConfig(steps=8, curriculum="linear", curriculum_from=4, curriculum_share=1.0)
    batch = task.train_batch(1, batch_size=3, seed=0)
    pieces = list(training_batches(task, 1, 0, config))
    assert torch.equal(torch.cat([piece.resets for piece in pieces], dim=1), batch.resets)
    assert [piece.shape[1] for piece in pieces] == [4, 4, 2]
    assert torch.equal(torch.cat([piece.values for piece in pieces], dim=1), batch.values)
    assert torch.equal(torch.cat([piece.targets for piece in pieces], dim=1), batch.targets)
    assert [piece.starts.tolist() for piece in pieces] == [[False, True, False], [False] * 3, [False] * 3]


def stream_gradient(**fields: Any) -> list[torch.Tensor]:
    trainer = Trainer(small_model(), Streams(chunk=6), TrainConfig(steps=4, clip="none", **fields))
    kept = keep_gradients(trainer)
    trainer.update()
    return kept[0]


def test_in_a_stream_gradients_reach_as_far_as_the_length():
    """The gradient of an update in pieces of two steps is that of three shorter chunks, the state carried."""
    cut = stream_gradient(curriculum="linear", curriculum_from=2)
    trainer = Trainer(small_model(), Streams(chunk=2), TrainConfig(steps=1, clip="none", accumulate=3))
    kept = keep_gradients(trainer)
    trainer.update()
    for one, other in zip(cut, kept[0], strict=True):
        torch.testing.assert_close(one, other)
    assert not all(torch.allclose(one, other) for one, other in zip(cut, stream_gradient(), strict=True))


def test_the_stream_goes_on_from_where_it_stood():
    """The state after an update is that of the whole chunk, however it was cut; so are the tokens that are counted."""
    ends = []
    for curriculum in ("none", "linear"):
        trainer = Trainer(small_model(), Streams(chunk=6), TrainConfig(steps=8, curriculum=curriculum))
        keep_gradients(trainer)
        trainer.update()
        trainer.update()
        ends.append(trainer)
    assert ends[0].progress.tokens == ends[1].progress.tokens == 36
    for one, other in zip(ends[0].carry, ends[1].carry, strict=True):  # type: ignore[call-overload]
        for leaf, its in zip(one, other, strict=True):
            torch.testing.assert_close(leaf, its)


def test_batches_of_one_update_are_of_its_length_alone():
    torch.manual_seed(0)
    task = Adding(shortest=20, longest=20, evaluation_sequences=16)
    config = TrainConfig(steps=20, batch_size=2, accumulate=3, curriculum="linear", evaluate_every=20)
    trainer = Trainer(build(ModelConfig("gru", width=4, depth=1), task.input_form, 1), task, config)
    for step in range(10):
        before = trainer.progress.tokens
        trainer.update()
        assert trainer.progress.tokens - before == 6 * length_at(step, 20, config, least=2)


def test_without_lengths_it_says_so():
    with pytest.raises(UserError, match="nothing for a curriculum to grow; say curriculum=none"):
        Trainer(small_model(), Rows(), TrainConfig(curriculum="linear"))


@pytest.mark.parametrize(
    ("task", "first", "said"),
    [
        (Parity(longest=12), 500, "begins with length 500 has nothing to grow, as the longest is 12; say a smaller"),
        (Parity(longest=12), 12, "begins with length 12 has nothing to grow"),
        (Adding(shortest=2, longest=2), 1, "begins with length 2 has nothing to grow, as the longest is 2"),
        (Streams(chunk=6), 6, "begins with length 6 has nothing to grow, as the longest is 6"),
    ],
)
def test_where_nothing_would_grow_it_says_so(task: Any, first: int, said: str):
    with pytest.raises(UserError, match=said):
        check_curriculum(task, TrainConfig(curriculum="linear", curriculum_from=first))
    with pytest.raises(UserError, match="curriculum_share must be above 0"):
        TrainConfig(curriculum_share=0.0)


def test_a_task_of_ones_own_whose_lengths_cannot_be_made_shorter_says_so():
    class Own(Rows):
        train_lengths = (1, 7)

    with pytest.raises(UserError, match=r"Own has no up_to\(length\)"):
        Trainer(small_model(), Own(), TrainConfig(curriculum="linear"))


def test_a_readout_in_closed_form_is_fitted_to_the_lengths_too():
    config = TrainConfig(steps=10, curriculum="linear", readout="ridge", batch_size=4)
    torch.manual_seed(0)
    task = Adding(shortest=8, longest=8, evaluation_sequences=16)
    model = build(ModelConfig("echo-state", width=8, depth=1), task.input_form, 1)
    outcome = make_trainer(model, task, config).run()
    assert outcome.progress.tokens == 4 * sum(length_at(step, 8, config, least=2) for step in range(10))


@pytest.mark.parametrize("kind", ["linear", "pow2"])
def test_stopped_at_any_update_it_ends_the_same(kind: str, tmp_path):
    task = Parity(longest=12, evaluation_sequences=16)
    config = TrainConfig(
        steps=8, batch_size=4, curriculum=kind, curriculum_share=0.8, evaluate_every=4, checkpoint_every=3
    )  # type: ignore[arg-type]

    def trainer(folder=None) -> Trainer:
        torch.manual_seed(2)
        return Trainer(build(ModelConfig("gru", width=4, depth=1), Tokens(2), 2), task, config, folder)

    ends_the_same_wherever_it_is_stopped(trainer, tmp_path)
