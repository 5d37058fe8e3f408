"""bfloat16 autocast, and activation checkpointing in time."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from statewise import tree
from statewise.catalog import SEQUENCE_LAYERS
from statewise.errors import UserError
from statewise.tasks.batch import Batch
from statewise.tasks.scores import Scores
from statewise.train.closed_form import ReadoutFitter
from statewise.train.config import TrainConfig
from statewise.train.evaluation import answers, evaluate
from statewise.train.forward import run_batch
from statewise.train.loop import Trainer

from .small import Rows, Streams, gradients, keep_gradients, small_model, weights


@pytest.mark.parametrize("layer", SEQUENCE_LAYERS)
def test_bfloat16_trains_and_keeps_the_dtypes_of_state_and_weights(layer: str):
    model = small_model(layer, width=8)
    trainer = Trainer(model, Streams(), TrainConfig(precision="bfloat16"))
    kept = keep_gradients(trainer)
    losses = [trainer.update() for _ in range(3)]
    assert all(loss == loss and loss < 100 for loss in losses)
    assert trainer.progress.skipped == 0
    assert tree.form(trainer.carry) == tree.form(model.initial_state(1))
    assert all(gradient.dtype == torch.float32 for gradient in kept[0])
    plain = Trainer(small_model(layer, width=8), Streams(), TrainConfig())
    keep_gradients(plain)
    expected = [plain.update() for _ in range(3)]
    assert losses != expected
    assert losses == pytest.approx(expected, rel=0.05)


def test_a_device_without_bfloat16_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.amp, "is_autocast_available", lambda kind: False)
    with pytest.raises(UserError, match="no bfloat16; say precision=float32"):
        Trainer(small_model(), Streams(), TrainConfig(precision="bfloat16"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(UserError, match=r"'cuda' cannot be used .*say cpu"):
        Trainer(small_model(), Streams(), TrainConfig(device="cuda"))


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("layer", ["lstm", "attention", "mamba", "ntm", "tcn", "s4d"])
@pytest.mark.parametrize("every", [1, 3, 10])
def test_checkpointing_in_time_gives_the_same_outputs_states_and_gradients(layer: str, every: int):
    model = small_model(layer, depth=2, dropout=0.3)
    batch = Streams(chunk=10).train_batch(0, batch_size=3, seed=0)
    found = []
    for checkpoint_time in (0, every):
        torch.manual_seed(7)
        outputs, state = run_batch(model, batch, None, checkpoint_time=checkpoint_time)
        floating = [leaf for leaf in tree.leaves(state) if leaf.requires_grad]
        total = outputs.square().sum() + sum(leaf.square().sum() for leaf in floating)
        found.append([outputs.detach(), *tree.leaves(tree.detach(state)), *gradients(model, lambda: total)])  # noqa: B023
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("every", [0, 1, 3, 10])
def test_a_row_that_is_reset_inside_goes_on_as_a_row_of_its_own(every: int):
    model = small_model("lstm", depth=2)
    task = Streams(chunk=10, resets=[(1, 14), (2, 15), (2, 16)])
    first, batch = (task.train_batch(index, batch_size=3, seed=0) for index in range(2))
    with torch.no_grad():
        _, carry = run_batch(model, first, None)
    outputs, state = run_batch(model, batch, carry, checkpoint_time=every)
    alone, ends = run_batch(model, batch._replace(resets=None), carry)
    for row, step in ((1, 4), (2, 5), (2, 6)):
        rest = Batch(batch.values[row : row + 1, step:], batch.targets[:1, step:], batch.weights[:1, step:])
        alone[row : row + 1, step:], end = run_batch(model, rest, None)
        ends = tree.map(lambda leaf, new: torch.cat([leaf[:row], new, leaf[row + 1 :]]), ends, end)  # noqa: B023
    for one, other in zip((outputs, *tree.leaves(state)), (alone, *tree.leaves(ends)), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)
    losses = [lambda: outputs.square().sum(), lambda: alone.square().sum()]
    for one, other in zip(*(gradients(model, loss) for loss in losses), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-11)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("fields", [{"weight_norm": "spectral"}, {"drop_connect": 0.5}], ids=str)
def test_what_is_worked_out_again_is_so_from_the_weights_of_the_forward_pass(fields: dict[str, object]):
    found = []
    for checkpoint_time in (0, 3):
        trainer = Trainer(
            small_model("gru", depth=2, **fields), Streams(chunk=10), TrainConfig(checkpoint_time=checkpoint_time)
        )
        torch.manual_seed(3)
        for parameter in trainer.parameters:  # away from where power iteration has arrived
            torch.nn.init.normal_(parameter, std=0.5)
        losses = [trainer.update() for _ in range(3)]
        found.append([torch.tensor(losses), *weights(trainer.model).values()])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


@pytest.mark.usefixtures("float64")
def test_training_with_checkpointing_in_time_makes_the_same_updates():
    losses = []
    for checkpoint_time in (0, 3):
        trainer = Trainer(small_model("gru"), Streams(chunk=10), TrainConfig(checkpoint_time=checkpoint_time))
        losses.append([trainer.update() for _ in range(3)])
    assert losses[0] == pytest.approx(losses[1], abs=1e-12)


def saved_bytes(forward: Callable[[], Tensor]) -> int:
    """What a forward pass keeps for the backward pass, each storage once."""
    kept: dict[int, Tensor] = {}

    def pack(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        forward()
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


@pytest.mark.parametrize("layer", ["ntm", "s4d"])
def test_checkpointing_in_time_keeps_less(layer: str):
    model = small_model(layer, width=16)
    batch = Streams(chunk=40).train_batch(0, batch_size=3, seed=0)
    whole, cut = (saved_bytes(lambda: run_batch(model, batch, None, checkpoint_time=n)[0]) for n in (0, 5))  # noqa: B023
    assert cut < whole / 2


class OnMeta(Rows):
    """Notes where what it scores was made: on the device ``meta``, which holds no numbers, or on the CPU."""

    def scores(self, outputs: Tensor, batch: Batch) -> Scores:
        self.scored = outputs.device.type, batch.targets.device.type
        return Scores({"error": 1.0}, {"error": 1.0})


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> list[torch.Size]:
    """The shapes of what was fetched from a device; meta has nothing to fetch, so zeros come."""
    fetched: list[torch.Size] = []

    def fetch(tensor: Tensor) -> Tensor:
        if tensor.is_meta:
            fetched.append(tensor.shape)
            return torch.zeros(tensor.shape, dtype=tensor.dtype)
        return tensor

    monkeypatch.setattr(Tensor, "cpu", fetch)
    return fetched


def test_scores_are_taken_where_the_model_is(moved: list[torch.Size]):
    task = OnMeta()
    assert evaluate(small_model().to("meta"), task, "valid", batch_size=4) == {"error": 1.0}
    assert task.scored == ("cpu", "cpu")
    assert moved == [(4, 7, 2)]


@pytest.mark.filterwarnings("ignore:.*copying from a non-meta parameter")
def test_a_readout_is_fitted_where_the_model_is(moved: list[torch.Size]):
    config = TrainConfig(steps=2, batch_size=5, readout="ridge", device="meta")
    task = OnMeta()
    fitter = ReadoutFitter(small_model("echo-state"), task, config)
    assert fitter.run().status == "finished"
    assert fitter.statistics.examples == int(task.weights[:10].sum())
    assert moved[:2] == [(5, 7, 4)] * 2


@pytest.mark.parametrize("training", [True, False])
def test_a_pass_that_is_not_run_to_its_end_leaves_the_model_in_the_mode_it_was_in(training: bool):
    model = small_model("gru", width=4).train(training)
    found = answers(model, Rows(), "valid", batch_size=2)
    next(found)
    found.close()
    assert model.training is training
