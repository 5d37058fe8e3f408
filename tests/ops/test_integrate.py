"""Solvers against linear fields, whose solution is the matrix exponential."""

import pytest
import torch

from statewise.ops.integrate import integrate

ORDERS = {"euler": 1, "midpoint": 2, "rk4": 4}


def linear_field() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """A, h(0) and how long, a row each, and the exact h."""
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(4, 4, generator=generator, dtype=torch.float64)
    h = torch.randn(3, 4, generator=generator, dtype=torch.float64)
    duration = torch.tensor([[0.0], [0.5], [1.5]], dtype=torch.float64)
    exact = torch.stack([torch.linalg.matrix_exp(time * a) @ row for time, row in zip(duration, h, strict=True)])
    return a, h, duration, exact


@pytest.mark.parametrize("solver", ORDERS)
def test_the_error_falls_with_the_solvers_order(solver):
    a, h, duration, exact = linear_field()
    errors = [
        (integrate(lambda h: h @ a.T, h, duration, steps=steps, solver=solver) - exact).abs().max()
        for steps in (64, 128)
    ]
    assert float((errors[0] / errors[1]).log2()) == pytest.approx(ORDERS[solver], abs=0.1)


@pytest.mark.parametrize("solver", ORDERS)
def test_one_step_is_the_taylor_series_up_to_the_order(solver):
    """Of a linear field every Runge-Kutta formula of order p <= 4 with p stages is just that."""
    a, h, duration, _ = linear_field()
    term, series = h, h
    for k in range(1, ORDERS[solver] + 1):
        term = duration * (term @ a.T) / k
        series = series + term
    found = integrate(lambda h: h @ a.T, h, duration, steps=1, solver=solver)
    torch.testing.assert_close(found, series, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("solver", ORDERS)
def test_a_field_that_is_not_linear(solver):
    """h' = h^2 from 1/2 is 1 / (2 - t), to the same orders."""
    h, duration = torch.full((1,), 0.5, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    errors = [abs(float(integrate(torch.square, h, duration, steps=n, solver=solver)) - 1) for n in (64, 128)]
    assert errors[0] / errors[1] == pytest.approx(2 ** ORDERS[solver], rel=0.1)


@pytest.mark.parametrize("solver", ORDERS)
def test_derivatives_are_those_of_the_steps(solver):
    a, h, duration, _ = linear_field()
    torch.autograd.gradcheck(
        lambda h, time, a: integrate(lambda h: (h @ a.T).tanh(), h, time, steps=2, solver=solver),
        (h.requires_grad_(), duration.requires_grad_(), a.requires_grad_()),
    )


@pytest.mark.parametrize(
    ("options", "says"),
    [({"steps": 1, "solver": "rk5"}, "unknown solver 'rk5'"), ({"steps": 0, "solver": "rk4"}, "at least 1 step")],
)
def test_what_is_no_solver_is_refused(options, says):
    with pytest.raises(ValueError, match=says):
        integrate(torch.tanh, torch.ones(1), torch.ones(1), **options)
