"""An ODE-RNN against torch's GRU around torchdiffeq's solvers, and around fields whose solution is known."""

import math

import pytest
import torch

from statewise import laws
from statewise.contract import SequenceLayer, Timed
from statewise.layers.recurrent.ode_rnn import ODERNN, ODERNNState

B, T, D, H = 5, 7, 3, 4


def example(**options) -> tuple[ODERNN, torch.nn.GRUCell, Timed, ODERNNState]:
    """A layer, torch's cell with the weights of its GRU, and what to feed them."""
    torch.manual_seed(0)
    layer = ODERNN(input_size=D, hidden_size=H, field_size=6, **options).double()
    for parameter in layer.field[2].parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    cell = torch.nn.GRUCell(D, H).double()
    cell.load_state_dict({name.removesuffix("_l0"): p for name, p in layer.update.state_dict().items()})
    x = Timed(torch.randn(B, T, D).double(), 2 * torch.rand(B, T).double())
    return layer, cell, x, ODERNNState(torch.randn(B, H).double())


def test_where_no_time_passes_it_is_torchs_gru():
    layer, cell, x, state = example()
    y, _ = layer(x._replace(elapsed=torch.zeros(B, T).double()), state)
    h = state.h
    for t in range(T):
        h = cell(x.values[:, t], h)
        torch.testing.assert_close(y[:, t], h, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("solver", ["euler", "midpoint", "rk4"])
def test_a_constant_field_drifts_for_as_long_as_time_passes(solver):
    layer, cell, x, state = example(solver=solver, solver_steps=3)
    torch.nn.init.zeros_(layer.field[2].weight)
    y, _ = layer(x, state)
    h = state.h
    for t in range(T):
        h = cell(x.values[:, t], h + layer.field[2].bias * x.elapsed[:, t : t + 1])
        torch.testing.assert_close(y[:, t], h, rtol=1e-12, atol=1e-12)


def test_more_steps_come_to_the_solution_of_a_linear_field():
    """W and V so small and large that tanh is straight: h' = V W h."""
    layer, cell, x, state = example(solver="rk4", solver_steps=8)
    with torch.no_grad():
        layer.field[0].weight.mul_(1e-4)
        layer.field[2].weight.mul_(1e4)
        layer.field[0].bias.zero_()
        layer.field[2].bias.zero_()
    y, _ = layer.step(Timed(x.values[:, 0], x.elapsed[:, 0]), state)
    flow = torch.linalg.matrix_exp(x.elapsed[:, 0].view(B, 1, 1) * (layer.field[2].weight @ layer.field[0].weight))
    expected = cell(x.values[:, 0], (flow @ state.h.unsqueeze(2)).squeeze(2))
    torch.testing.assert_close(y, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("solver", ["euler", "midpoint"])
def test_steps_are_torchdiffeqs(solver):
    torchdiffeq = pytest.importorskip("torchdiffeq", reason="the peer torchdiffeq is not installed")
    layer, cell, x, state = example(solver=solver, solver_steps=3)
    elapsed = x.elapsed[:, 0].unsqueeze(1)
    evolved = torchdiffeq.odeint(
        lambda _, h: elapsed * layer.field(h), state.h, torch.linspace(0, 1, 4, dtype=torch.float64), method=solver
    )
    y, _ = layer.step(Timed(x.values[:, 0], x.elapsed[:, 0]), state)
    torch.testing.assert_close(y, cell(x.values[:, 0], evolved[-1]), rtol=1e-12, atol=1e-12)


def test_the_classical_solver_comes_to_torchdiffeqs_adaptive_one_as_its_order_says():
    """Theirs called rk4 is the 3/8 rule, another of order 4; twice the steps are a sixteenth of the error."""
    torchdiffeq = pytest.importorskip("torchdiffeq", reason="the peer torchdiffeq is not installed")
    layer, cell, x, state = example(solver="rk4")
    elapsed = x.elapsed[:, 0].unsqueeze(1)
    exact = torchdiffeq.odeint(
        lambda _, h: elapsed * layer.field(h), state.h, torch.tensor([0.0, 1.0]).double(), rtol=1e-12, atol=1e-12
    )
    expected, errors = cell(x.values[:, 0], exact[-1]), []
    for steps in (4, 8):
        layer.solver_steps = steps
        y, _ = layer.step(Timed(x.values[:, 0], x.elapsed[:, 0]), state)
        errors.append(float((y - expected).detach().norm()))
    assert errors[0] < 1e-4
    assert 12 < errors[0] / errors[1] < 22


GEARS = pytest.mark.parametrize("run", [SequenceLayer.forward, SequenceLayer._sequence], ids=["whole", "steps"])


@GEARS
@torch.no_grad()
def test_a_gap_counts_up_to_the_longest_that_the_solver_may_take(run):
    layer, _, x, state = example(solver_steps=3, longest_step=0.4)
    gaps = torch.tensor([0.5, 1.2, 1.3, 5.0, 1e6, 0.0, 1.0], dtype=torch.float64).expand(B, T)
    y, _ = run(layer, x._replace(elapsed=gaps), state)
    counted, _ = run(layer, x._replace(elapsed=gaps.clamp(max=1.2)), state)
    torch.testing.assert_close(y, counted, rtol=1e-12, atol=1e-12)
    layer.longest_step = math.inf
    uncounted, _ = run(layer, x._replace(elapsed=gaps), state)
    torch.testing.assert_close(uncounted[:, :2], y[:, :2], rtol=1e-12, atol=1e-12)
    assert bool(((uncounted - y)[:, 2].abs().amax(1) > 1e-4).all())


def test_it_starts_as_torchs_gru_whatever_the_time():
    torch.manual_seed(0)
    layer, cell = ODERNN(input_size=D, hidden_size=H), torch.nn.GRUCell(D, H)
    cell.load_state_dict({name.removesuffix("_l0"): p for name, p in layer.update.state_dict().items()})
    x, h = torch.randn(B, T, D), torch.zeros(B, H)
    y, _ = layer(Timed(x, 1e9 * torch.rand(B, T)))
    for t in range(T):
        h = cell(x[:, t], h)
        torch.testing.assert_close(y[:, t], h, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("solver", ["euler", "midpoint"])
def test_the_other_solvers_keep_the_laws(solver):
    laws.check(ODERNN(input_size=3, hidden_size=4, solver=solver, solver_steps=2))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"solver": "rk5"}, "unknown solver 'rk5'; did you mean 'rk4'"),
        ({"solver_steps": 0}, "solver_steps must be"),
        ({"longest_step": 0.0}, "longest_step must be positive"),
    ],
)
def test_what_is_no_solver_is_refused(options, says):
    with pytest.raises(ValueError, match=says):
        ODERNN(input_size=D, hidden_size=H, **options)
