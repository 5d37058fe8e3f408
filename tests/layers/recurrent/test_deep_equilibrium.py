"""Whether the cell comes to rest, how near, and what it says where it does not; against scipy and torch's RNN."""

import numpy as np
import pytest
import torch
from scipy.optimize import root

from statewise import laws, probe
from statewise.contract import SequenceLayer
from statewise.layers.recurrent.deep_equilibrium import DeepEquilibrium, DeepEquilibriumState

B, T, D, H = 5, 7, 3, 4
GEARS = pytest.mark.parametrize("run", [SequenceLayer.forward, SequenceLayer._sequence], ids=["whole", "steps"])


def example(**options) -> tuple[DeepEquilibrium, torch.Tensor, DeepEquilibriumState]:
    torch.manual_seed(0)
    layer = DeepEquilibrium(input_size=D, hidden_size=H, **options).double()
    return layer, torch.randn(B, T, D).double(), DeepEquilibriumState(torch.randn(B, H).double())


def residuals(layer: DeepEquilibrium, x: torch.Tensor, state: DeepEquilibriumState) -> torch.Tensor:
    with probe.recording(layer) as seen:
        layer(x, state)
    return seen[""]["residual"].detach()


@GEARS
def test_the_state_is_the_root_that_another_solver_finds(run):
    layer, x, state = example(iterations=200, tolerance=1e-13)
    y, _ = run(layer, x, state)
    u, w, b, v = (
        p.detach().numpy()
        for p in (layer.inner_weight(), layer.input_map.weight, layer.input_map.bias, layer.recurrent_map.weight)
    )
    for row in range(B):
        h = state.h[row].numpy()
        for t in range(T):
            driven = w @ x[row, t].numpy() + v @ h + b
            found = root(lambda z, driven=driven: np.tanh(driven + u @ z) - z, np.zeros(H), tol=1e-13)
            h = found.x
            np.testing.assert_allclose(y[row, t].detach().numpy(), h, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("iterations", [2, 5, 12])
def test_a_contraction_is_left_no_farther_from_rest_than_banach_says(iterations):
    layer, x, state = example(iterations=iterations, tolerance=0.0, contraction=0.7)
    with torch.no_grad():
        layer.inner.abs_().mul_(10)
        layer.input_map.weight.mul_(0.1)
    found = residuals(layer, x, state)
    assert float(found.max()) <= 0.7**iterations
    assert float(found.max()) > 0


@pytest.mark.parametrize("tolerance", [1e-2, 1e-6])
def test_with_iterations_enough_it_rests_within_the_tolerance(tolerance):
    layer, x, state = example(iterations=300, tolerance=tolerance)
    found = residuals(layer, x, state)
    assert found.shape == (B, T)
    assert float(found.max()) <= tolerance


def test_a_row_at_rest_stays_to_the_last_bit_however_long_others_take():
    short, x, state = example(iterations=100, tolerance=1e-4)
    long, _, _ = example(iterations=101, tolerance=1e-4)
    assert torch.equal(short(x, state)[0], long(x, state)[0])


def test_where_it_does_not_come_to_rest_the_residual_says_so():
    """With U = -5 I and nothing else, z goes to and fro between both ends."""
    layer, x, state = example(iterations=50, contraction=None)
    with torch.no_grad():
        layer.inner.copy_(-5 * torch.eye(H))
    found = residuals(layer, x, state)
    assert float(found.max()) > 1
    assert bool(layer(x, state)[0].isfinite().all())


def test_the_gradient_comes_to_that_of_the_implicit_function_theorem():
    layer, x, state = example(iterations=200, tolerance=0.0)
    x_t = x[:1, 0].clone().requires_grad_()
    jacobian = torch.autograd.functional.jacobian(
        lambda x: layer.step(x, DeepEquilibriumState(state.h[:1]))[0][0], x_t
    )[:, 0]
    h, _ = layer.step(x_t, DeepEquilibriumState(state.h[:1]))
    slope = torch.diag(1 - h[0].square())
    expected = torch.linalg.solve(torch.eye(H) - slope @ layer.inner_weight(), slope @ layer.input_map.weight)
    torch.testing.assert_close(jacobian, expected, rtol=1e-9, atol=1e-10)


@GEARS
def test_without_the_inner_recurrence_it_is_torchs_rnn(run):
    layer, x, state = example()
    torch.nn.init.zeros_(layer.inner)
    twin = torch.nn.RNN(D, H, batch_first=True).double()
    weights = [layer.input_map.weight, layer.recurrent_map.weight, layer.input_map.bias, torch.zeros(H)]
    twin.load_state_dict(dict(zip(twin.state_dict(), weights, strict=True)))
    torch.testing.assert_close(run(layer, x, state)[0], twin(x, state.h.unsqueeze(0))[0], rtol=1e-12, atol=1e-12)


def test_the_inner_weights_are_scaled_only_where_they_must_be():
    layer, _, _ = example(contraction=0.5)
    with torch.no_grad():
        layer.inner.copy_(torch.diag(torch.tensor([-0.3, 0.5, 2.0, 0.0])))
    expected = torch.diag(torch.tensor([-0.3, 0.5, 0.5, 0.0], dtype=torch.float64))
    torch.testing.assert_close(layer.inner_weight(), expected)
    assert bool(torch.autograd.grad(layer.inner_weight().sum(), layer.inner)[0].isfinite().all())


@GEARS
def test_an_input_that_is_no_number_does_not_pass_for_rest(run):
    layer, x, state = example()
    x[1, 2] = float("nan")
    y, _ = run(layer, x, state)
    assert bool(y[1, 2:].isnan().all())
    assert bool(y[0].isfinite().all())


@pytest.mark.parametrize("options", [{"contraction": None}, {"tolerance": 0.0, "iterations": 3}])
def test_other_solvers_keep_the_laws(options):
    laws.check(DeepEquilibrium(input_size=3, hidden_size=4, **options))


@pytest.mark.parametrize(
    "options", [{"iterations": 1}, {"tolerance": -1.0}, {"contraction": 1.0}, {"contraction": 0.0}]
)
def test_what_is_no_solver_is_refused(options):
    with pytest.raises(ValueError, match="a solver needs"):
        DeepEquilibrium(input_size=D, hidden_size=H, **options)
