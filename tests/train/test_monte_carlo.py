"""Samples of thinned models against the closed form of a linear one, and what they leave alone."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from statewise.combine.dropout import Dropout
from statewise.combine.parametrised import drop_connect, recurrent_weights
from statewise.contract import Model, SequenceLayer, Timed, Vectors
from statewise.errors import UserError
from statewise.layers.convolution.temporal_block import TemporalBlock
from statewise.layers.recurrent.gru import GRU
from statewise.tasks.batch import Batch, Split
from statewise.train import monte_carlo
from statewise.train.evaluation import answers
from statewise.train.monte_carlo import has_noise, sample_outputs, sampled_answers

from .small import Rows, Streams, small_model

pytestmark = pytest.mark.usefixtures("float64")


class Chunks(Streams):
    """Streams of 40 steps, scored in chunks."""

    def evaluation(self, split: Split, *, batch_size: int, length: int | None = None) -> Iterator[Batch]:
        return (self.train_batch(index, batch_size=3, seed=0) for index in range(40 // self.chunk))


class OwnDropout(SequenceLayer):
    """A layer of one's own that uses torch's dropout, whose masks are of no seed in the state."""

    def __init__(self) -> None:
        super().__init__(Vectors(3), 3)
        self.drop = nn.Dropout(0.3)

    def initial_state(self, batch_size: int) -> Tensor:
        return self.zeros(batch_size, 0)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        return self.drop(x), state


@pytest.mark.parametrize("body", [Dropout(width=3, rate=0.3), OwnDropout()], ids=["ours", "torch"])
def test_mean_and_variance_of_a_linear_model(body: SequenceLayer):
    """y = w (m x) / (1 - p) + b has mean w x + b and variance p / (1 - p) sum (w x)^2."""
    torch.manual_seed(1)
    head = nn.Linear(3, 2)
    x = torch.randn(2, 3, 3)
    y = sample_outputs(Model(body, head, 2), x, samples=20_000).detach()
    variance = 0.3 / 0.7 * torch.einsum("oi,bti->bto", head.weight.square(), x.square()).detach()
    error = variance.sqrt() / 20_000**0.5
    assert bool(((y.mean(0) - head(x)).abs() < 5 * error).all())
    torch.testing.assert_close(y.var(0), variance, rtol=0.05, atol=0)


def test_the_same_seed_gives_the_same_whatever_torchs_generator_says():
    x = torch.randn(2, 5, 3)
    for model in (small_model(dropout=0.4), Model(OwnDropout(), nn.Linear(3, 2), 2)):
        first = sample_outputs(model, x, samples=3, seed=7)
        torch.rand(5)
        before = torch.get_rng_state()
        assert torch.equal(first, sample_outputs(model, x, samples=3, seed=7))
        assert torch.equal(before, torch.get_rng_state())
        assert not torch.equal(first, sample_outputs(model, x, samples=3, seed=8))
        assert not torch.equal(first[0], first[1])


@pytest.mark.parametrize("training", [True, False])
def test_the_model_stays_in_its_mode_and_has_no_gradients(training: bool):
    model = small_model(dropout=0.4).train(training)
    found = sample_outputs(model, torch.randn(1, 4, 3), samples=2)
    assert not found.requires_grad
    assert all(part.training == training for part in model.modules())


@pytest.mark.parametrize("layer", ["lstm", "lstm-variational"])
def test_stretches_give_what_the_whole_gives(layer: str, monkeypatch: pytest.MonkeyPatch):
    model, x = small_model(layer, dropout=0.4), torch.randn(2, 9, 3)
    whole = sample_outputs(model, x, samples=3)
    monkeypatch.setattr(monte_carlo, "STEPS_AT_ONCE", 4)
    torch.testing.assert_close(sample_outputs(model, x, samples=3), whole)
    for last in (1, 3, 6, 9, 20):
        torch.testing.assert_close(sample_outputs(model, x, samples=3, last=last), whole[:, :, -last:])


def test_time_stamps_are_passed_on():
    x = Timed(torch.randn(2, 5, 3), torch.rand(2, 5))
    assert sample_outputs(small_model(dropout=0.4), x, samples=3).shape == (3, 2, 5, 2)


def test_without_dropout_it_says_what_to_do():
    with pytest.raises(UserError, match=r"one without dropout does; train one .* --set model\.dropout=0\.1"):
        sample_outputs(small_model(), torch.randn(1, 4, 3), samples=5)
    with pytest.raises(UserError, match="samples must be at least 2"):
        sample_outputs(small_model(dropout=0.4), torch.randn(1, 4, 3), samples=1)


def test_rounding_that_differs_from_row_to_row_is_no_uncertainty():
    class Rounded(SequenceLayer):
        def __init__(self) -> None:
            super().__init__(Vectors(3), 3)

        def initial_state(self, batch_size: int) -> Tensor:
            return self.zeros(batch_size, 0)

        def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
            return x + 1e-8 * torch.arange(len(x)).unsqueeze(1), state

    with pytest.raises(UserError, match="whatever is dropped out"):
        sample_outputs(Rounded(), torch.ones(1, 4, 3), samples=5)


def test_answers_of_thinned_models_have_the_mean_and_variance_of_a_linear_one():
    torch.manual_seed(1)
    model = Model(Dropout(width=3, rate=0.3), nn.Linear(3, 2), 2)
    ((found, batch),) = sampled_answers(model, Rows(), "test", batch_size=4, samples=4000)
    ((expected, _),) = answers(model, Rows(), "test", batch_size=4)
    variance = 0.3 / 0.7 * torch.einsum("oi,bti->bto", model.head.weight.square(), batch.inputs.square()).detach()
    assert bool(((found.mean(0) - expected).abs() < 5 * (variance / 4000).sqrt()).all())
    torch.testing.assert_close(found.var(0), variance, rtol=0.15, atol=0)


@pytest.mark.parametrize("fields", [{"layer": "lstm-variational"}, {"layer": "skip-rnn", "drop_connect": 0.5}], ids=str)
def test_every_thinned_model_keeps_its_masks_and_carries_its_own_state_from_batch_to_batch(fields):
    """With one mask a sequence, what a thinned model says of a stream in chunks is what it says of the whole."""
    model = small_model(**fields)
    parts = [found for found, _ in sampled_answers(model, Chunks(chunk=4), "test", batch_size=3, samples=3, seed=5)]
    ((whole, _),) = sampled_answers(model, Chunks(chunk=40), "test", batch_size=3, samples=3, seed=5)
    assert len(parts) == 10
    torch.testing.assert_close(torch.cat(parts, dim=2), whole)


def test_the_same_seed_gives_the_same_answers_and_no_dropout_none():
    model = small_model(dropout=0.4)
    (first, _), *_ = sampled_answers(model, Streams(), "test", batch_size=3, samples=3, seed=7)
    torch.rand(5)
    (again, _), *_ = sampled_answers(model, Streams(), "test", batch_size=3, samples=3, seed=7)
    assert torch.equal(first, again)
    with pytest.raises(UserError, match="whatever is dropped out"):
        next(sampled_answers(small_model(), Streams(), "test", batch_size=3, samples=3))
    with pytest.raises(UserError, match="at least 2"):
        next(sampled_answers(model, Streams(), "test", batch_size=3, samples=1))


def test_whether_a_model_has_noise_is_seen_from_what_it_says():
    sizes = {"input_size": 3, "hidden_size": 4}
    dropped = GRU(**sizes)
    drop_connect(dropped, recurrent_weights(dropped), rate=0.2)
    noisy = [OwnDropout(), Dropout(width=1, rate=0.05), TemporalBlock(dropout=0.1, **sizes), dropped]
    still = [Dropout(width=1, rate=0.0), TemporalBlock(**sizes), GRU(**sizes)]
    before = torch.get_rng_state()
    assert [has_noise(layer.eval()) for layer in (*noisy, *still)] == [True] * len(noisy) + [False] * len(still)
    assert torch.equal(torch.get_rng_state(), before)
    assert not any(layer.training for layer in (*noisy, *still))
