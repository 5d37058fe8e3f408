"""Newton's method over a whole sequence: the layer's own outputs, states and gradients, or the reason why not."""

import math

import pytest
import torch
from torch import Tensor

from statewise import probe, tree
from statewise.contract import SequenceLayer, Tokens, Vectors
from statewise.errors import UserError
from statewise.layers.recurrent.gru import GRU
from statewise.layers.recurrent.ind_rnn import IndRNN
from statewise.layers.recurrent.lstm import LSTM
from statewise.layers.recurrent.rnn import RNN
from statewise.layers.statespace.lru import LRU
from statewise.layers.statespace.min_gru import MinGRU
from statewise.parallel.newton import newton_in_time

LAYERS = (LSTM, GRU, RNN, IndRNN, MinGRU, LRU)
SIZE, UNITS = 3, 5


def made(kind: type[SequenceLayer]) -> SequenceLayer:
    torch.manual_seed(0)
    return kind(input_size=SIZE, hidden_size=UNITS).double()


def inputs(batch: int = 3, time: int = 61) -> Tensor:
    return torch.randn(batch, time, SIZE, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def by_loop(layer: SequenceLayer, x: Tensor, state: object) -> tuple[Tensor, object]:
    return SequenceLayer._sequence(layer, x, state)


def chaotic() -> RNN:
    """A large tanh network is chaotic where its gain is above 1 (Sompolinsky, Crisanti & Sommers 1988); this has 6."""
    torch.manual_seed(0)
    layer = RNN(input_size=SIZE, hidden_size=64).double()
    with torch.no_grad():
        layer.weight_hh_l0.normal_(0.0, 6 / math.sqrt(64))
        layer.weight_ih_l0.mul_(0.1)
    return layer


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("time", [1, 2, 7, 64])
def test_it_is_the_loop(kind: type[SequenceLayer], time: int) -> None:
    layer, x = made(kind), inputs(time=time)
    run = newton_in_time(layer, x)
    y, state = by_loop(layer, x, layer.initial_state(len(x)))
    assert run.fallback is None
    torch.testing.assert_close(run.outputs, y, rtol=0, atol=1e-10)
    assert tree.structure(run.state) == tree.structure(state)
    for leaf, other in zip(tree.leaves(run.state), tree.leaves(state), strict=True):
        torch.testing.assert_close(leaf, other, rtol=0, atol=1e-10)
    assert bool((run.residual < 1e-11).all())


@pytest.mark.parametrize("kind", LAYERS)
def test_gradients_are_the_loops_from_a_warm_state_on(kind: type[SequenceLayer]) -> None:
    layer, x = made(kind), inputs().requires_grad_()
    _, warm = layer(inputs(time=9))
    warm = tree.map(lambda leaf: leaf.detach().requires_grad_(), warm)
    leaves = [x, *layer.parameters(), *tree.leaves(warm)]

    def gradients(outputs: Tensor, state: object) -> list[Tensor]:
        waves = torch.linspace(0, 7, outputs.numel(), dtype=torch.float64).sin().view_as(outputs)
        last = sum(leaf.abs().square().sum() for leaf in tree.leaves(state))
        return list(torch.autograd.grad((outputs * waves).sum() + last, leaves))

    run = newton_in_time(layer, x, warm)
    assert run.fallback is None
    for ours, theirs in zip(gradients(run.outputs, run.state), gradients(*by_loop(layer, x, warm)), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("kind", [MinGRU, LRU])
def test_a_linear_layer_needs_one_iteration(kind: type[SequenceLayer]) -> None:
    assert newton_in_time(made(kind), inputs()).iterations.tolist() == [1, 1, 1]


def test_float32_is_as_close_as_every_layer_must_be() -> None:
    layer, x = made(GRU).float(), inputs(time=300).float()
    run = newton_in_time(layer, x)
    assert run.fallback is None
    torch.testing.assert_close(run.outputs, by_loop(layer, x, layer.initial_state(3))[0], rtol=1e-5, atol=1e-5)


def test_chaos_is_seen_beforehand_and_left_to_the_layer() -> None:
    layer, x = chaotic(), inputs(time=200)
    run = newton_in_time(layer, x)
    assert bool((run.lyapunov > 0).all())
    assert run.iterations.tolist() == [0, 0, 0]
    assert run.fallback is not None
    assert "3 of 3 rows have an estimated Lyapunov exponent above 0" in run.fallback
    assert torch.equal(run.outputs, layer(x)[0])


class Swell(SequenceLayer):
    """h_t = A h_{t-1} + x_t, A with two eigenvalues of 0.9 and states that swell at first."""

    def __init__(self) -> None:
        super().__init__(Vectors(2), output_size=2)

    def initial_state(self, batch_size: int) -> Tensor:
        return torch.zeros(batch_size, 2, dtype=torch.float64)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        h = state @ torch.tensor([[0.9, 0.0], [30.0, 0.9]], dtype=torch.float64) + x
        return h, h


def test_what_swells_over_a_few_steps_is_not_taken_for_chaos() -> None:
    layer, x = Swell().double(), inputs(time=12)[..., :2]
    run = newton_in_time(layer, x)
    assert bool((run.lyapunov > 0.3).all())
    assert run.fallback is None
    torch.testing.assert_close(run.outputs, layer(x)[0])


def test_chaos_that_is_tried_all_the_same_does_not_converge_and_says_so() -> None:
    layer, x = chaotic(), inputs(time=200)
    run = newton_in_time(layer, x, exponent_bound=math.inf, max_iterations=8)
    assert run.fallback is not None
    assert "3 of 3 rows have a residual above 2e-12 after max_iterations=8" in run.fallback
    assert not bool((run.residual < 1e-11).any())
    assert torch.equal(run.outputs, layer(x)[0])


def test_a_row_with_nan_is_the_layers_own_and_the_others_are_as_without_it() -> None:
    layer, x = made(GRU), inputs()
    clean = newton_in_time(layer, x)
    spoilt = x.clone()
    spoilt[0, 30] = torch.nan
    run = newton_in_time(layer, spoilt)
    assert run.fallback is not None
    assert "1 of 3 rows have numbers that are not finite" in run.fallback
    assert bool(run.residual[0].isnan())
    torch.testing.assert_close(run.outputs[0, :30], clean.outputs[0, :30])
    assert bool(run.outputs[0, 30:].isnan().all())
    torch.testing.assert_close(run.outputs[1:], clean.outputs[1:], rtol=0, atol=1e-14)
    assert run.iterations[1:].tolist() == clean.iterations[1:].tolist()


def test_rows_are_independent() -> None:
    layer, x = made(LSTM), inputs()
    together = newton_in_time(layer, x)
    for row in range(3):
        alone = newton_in_time(layer, x[row : row + 1])
        torch.testing.assert_close(alone.outputs[0], together.outputs[row], rtol=0, atol=1e-14)
        assert alone.iterations[0] == together.iterations[row]


class Instant(SequenceLayer):
    """A state of whole numbers alone."""

    def __init__(self) -> None:
        super().__init__(Vectors(SIZE), output_size=SIZE)

    def initial_state(self, batch_size: int) -> Tensor:
        return torch.zeros(batch_size, dtype=torch.int64)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        return x * state.unsqueeze(1), state + 1


class Outside(SequenceLayer):
    """A step that leaves torch."""

    def __init__(self) -> None:
        super().__init__(Tokens(4), output_size=1)

    def initial_state(self, batch_size: int) -> Tensor:
        return torch.zeros(batch_size, 2)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        h = torch.tensor(state.detach().numpy() / 2) + x.unsqueeze(1)
        return h[:, :1], h


@pytest.mark.parametrize(
    ("layer", "x", "reason"),
    [
        (Instant(), torch.ones(2, 9, SIZE), "its state holds no real numbers"),
        (Outside(), torch.ones(2, 9, dtype=torch.int64), "torch.func does not differentiate its step"),
        (GRU(input_size=SIZE, hidden_size=65), torch.ones(2, 9, SIZE), "65 numbers wide"),
        (GRU(input_size=SIZE, hidden_size=4), torch.ones(2, 0, SIZE), "no step"),
    ],
)
def test_what_cannot_be_done_is_the_layers_own_with_the_reason(layer: SequenceLayer, x: Tensor, reason: str) -> None:
    run = newton_in_time(layer, x)
    assert run.fallback is not None
    assert reason in run.fallback
    assert torch.equal(run.outputs, layer(x)[0])
    assert bool(run.lyapunov.isnan().all())


def test_side_outputs_are_still_recorded() -> None:
    layer, x = made(LSTM), inputs()
    with probe.recording(layer) as seen:
        run = newton_in_time(layer, x)
    assert run.fallback is not None
    assert "recorded" in run.fallback
    assert seen[""]["forget_gate"].shape == (3, 61, UNITS)


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(UserError, match="unknown jacobian"):
        newton_in_time(made(GRU), inputs(), jacobian="diag")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="max_iterations"):
        newton_in_time(made(GRU), inputs(), max_iterations=0)
    with pytest.raises(ValueError, match=r"GRU reads vectors .B, T, 3., got shape .3, 3."):
        newton_in_time(made(GRU), inputs()[:, 0])
    with pytest.raises(ValueError, match=r"pass x.to.torch.float64."):
        newton_in_time(made(GRU), inputs().float())
    with pytest.raises(ValueError, match="not a state of GRU"):
        newton_in_time(made(GRU), inputs(), torch.zeros(3, UNITS))
