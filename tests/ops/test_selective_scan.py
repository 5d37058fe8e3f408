import numpy as np
import pytest
import torch

from statewise.ops import selective_scan as module
from statewise.ops.selective_scan import selective_scan

ROWS, CHANNELS, STATES = 2, 3, 4


def example(time: int) -> list[torch.Tensor]:
    g = torch.Generator().manual_seed(time)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=g, dtype=torch.float64)

    u, dt = normal(ROWS, time, CHANNELS), normal(ROWS, time, CHANNELS).abs()
    b, c = normal(ROWS, time, STATES), normal(ROWS, time, STATES)
    return [u, dt, -normal(CHANNELS, STATES).abs(), b, c, normal(ROWS, CHANNELS, STATES)]


@pytest.fixture(autouse=True)
def pieces_of_any_length(monkeypatch):
    monkeypatch.setattr(module, "SHORTEST", 1)


@pytest.mark.parametrize("steps_a_piece", [1, 3, 7, 100])
def test_equals_equation_2a_number_by_number(monkeypatch, steps_a_piece):
    monkeypatch.setattr(module, "PIECE", steps_a_piece * ROWS * CHANNELS * STATES)
    arguments = example(7)
    u, dt, a, b, c, h = (x.numpy().copy() for x in arguments)
    y = np.zeros_like(u)
    for row, t, e, s in np.ndindex(ROWS, 7, CHANNELS, STATES):
        h[row, e, s] = np.exp(dt[row, t, e] * a[e, s]) * h[row, e, s] + dt[row, t, e] * b[row, t, s] * u[row, t, e]
        y[row, t, e] += c[row, t, s] * h[row, e, s]
    found, final = selective_scan(*arguments)
    np.testing.assert_allclose(found.numpy(), y, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(final.numpy(), h, rtol=1e-11, atol=1e-12)


def test_pieces_change_no_gradient(monkeypatch):
    def gradients() -> tuple[torch.Tensor, ...]:
        arguments = [x.requires_grad_() for x in example(8)]
        y, h = selective_scan(*arguments)
        return torch.autograd.grad(y.square().sum() + h.square().sum(), arguments)

    whole = gradients()
    monkeypatch.setattr(module, "PIECE", 3 * ROWS * CHANNELS * STATES)
    for expected, found in zip(whole, gradients(), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(("piece", "shortest", "steps"), [(16, 1, 16), (1, 8, 8)])
def test_kept_for_the_backward_pass_are_the_inputs_and_one_state_a_piece(monkeypatch, piece, shortest, steps):
    monkeypatch.setattr(module, "PIECE", piece * ROWS * CHANNELS * STATES)
    monkeypatch.setattr(module, "SHORTEST", shortest)
    time, sizes = 64, []

    def keep(x: torch.Tensor) -> torch.Tensor:
        sizes.append(x.numel())
        return x

    arguments = [x.requires_grad_() for x in example(time)]
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        selective_scan(*arguments)
    initial = arguments.pop()
    assert sum(sizes) == sum(x.numel() for x in arguments) + time // steps * initial.numel()


def test_gradients_are_the_derivatives(monkeypatch):
    monkeypatch.setattr(module, "PIECE", 3 * ROWS * CHANNELS * STATES)
    assert torch.autograd.gradcheck(selective_scan, [x.requires_grad_() for x in example(8)], fast_mode=True)


def test_a_second_derivative_is_refused_even_where_the_cotangents_are_constants():
    u, *others = example(5)
    y, _ = selective_scan(u.requires_grad_(), *others)
    with pytest.raises(RuntimeError, match="selective_scan can be differentiated only once"):
        torch.autograd.grad(y.sum(), u, create_graph=True)


def test_the_final_state_does_not_keep_the_sequence_alive():
    _, final = selective_scan(*example(9))
    assert final.untyped_storage().nbytes() == final.numel() * final.element_size()
