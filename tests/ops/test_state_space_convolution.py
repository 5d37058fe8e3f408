import numpy as np
import pytest
import torch

from statewise.contract.segments import Segments
from statewise.ops import state_space_convolution as module
from statewise.ops.state_space_convolution import state_space_convolution

from .segmented import one_by_one

ON_CPUS = [name for name in module.FORMS.names if name != "triton"]
"""Forms that ``tests/ops/gpu`` does not try"""


def example(time: int, channels: int = 3) -> list[torch.Tensor]:
    """Rows 2, states 3; every matrix shrinks what it is given a little."""
    g = torch.Generator().manual_seed(time)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=g, dtype=torch.complex128)

    a, p, q, b, c = (normal(channels, 3) for _ in range(5))
    u = torch.randn(2, time, channels, generator=g, dtype=torch.float64)
    return [u, 0.8 * a / a.abs() - 1, 0.2 * p, 0.2 * q, b, c, normal(2, channels, 3)]


@pytest.mark.parametrize("name", ON_CPUS)
@pytest.mark.parametrize(("time", "channels"), [(1, 3), (2, 17), (16, 3), (17, 3), (31, 3), (32, 3), (33, 3), (100, 3)])
def test_every_form_equals_the_equation_number_by_number(name, time, channels):
    arguments = example(time, channels)
    u, change, p, q, b, c, h = (x.numpy().copy() for x in arguments)
    expected = np.zeros_like(u)
    for row, t, d in np.ndindex(2, time, channels):
        h[row, d] = (1 + change[d]) * h[row, d] - p[d] * 2 * (q[d] @ h[row, d]).real + b[d] * u[row, t, d]
        expected[row, t, d] = 2 * (c[d] @ h[row, d]).real
    with module.FORMS.use(name):
        s, final = state_space_convolution(*arguments)
    np.testing.assert_allclose(s.numpy(), expected, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(final.numpy(), h, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ON_CPUS)
@pytest.mark.parametrize("where", [{0: [0, 1, 40], 1: [33, -1]}, {0: list(range(70))}, {}])
def test_segments_equal_rows_of_their_own_with_all_gradients(name, where):
    reset = torch.zeros(2, 70, dtype=torch.bool)
    for row, steps in where.items():
        reset[row, steps] = True
    segments = Segments(reset)
    leaves = [x.requires_grad_() for x in example(70, 17)]
    u, *weights, initial = leaves
    with module.FORMS.use(name):
        found = state_space_convolution(*leaves, segments)
    both = found, one_by_one(lambda part, h: module.reference(part, *weights, h), [u], initial, segments)
    torch.testing.assert_close(*both)
    cotangents = [torch.randn_like(y) for y in found]
    for gradients in zip(*(torch.autograd.grad(outputs, leaves, cotangents) for outputs in both), strict=True):
        torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("name", ON_CPUS)
def test_in_single_precision_a_slow_system_is_as_slow_as_it_says(name):
    """Of a constant input h_T = M^-1 ((1 + M)^T - 1) b, with M all that a step changes."""
    g = torch.Generator().manual_seed(0)
    change = torch.complex(-torch.linspace(2e-4, 2e-3, 48), torch.linspace(0, 1e-3, 48)).view(16, 3)
    q = 0.01 * torch.randn(16, 3, generator=g, dtype=torch.complex64)
    p, b = 0.01 * q.conj().resolve_conj(), torch.ones(16, 3) + 0j
    with module.FORMS.use(name):
        _, h = state_space_convolution(torch.ones(1, 4000, 16), change, p, q, b, b, torch.zeros(1, 16, 3) + 0j)
    for found, *model in zip(h[0], change, p, q, strict=True):
        matrix = dense(*(x.numpy().astype(complex) for x in model))
        grown = np.linalg.matrix_power(np.eye(6) + matrix, 4000) - np.eye(6)
        expected = np.linalg.solve(matrix, grown @ np.tile([1.0, 0.0], 3))
        assert np.abs(torch.view_as_real(found).flatten().numpy() - expected).max() < 1e-5 * np.abs(expected).max()


def dense(change: np.ndarray, p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """M as it acts on real and imaginary parts side by side."""
    ones = np.eye(2 * len(change)).reshape(-1, len(change), 2) @ [1, 1j]
    images = change * ones - p * (2 * (ones @ q).real)[:, None]
    return np.stack([images.real, images.imag], axis=-1).reshape(2 * len(change), -1).T


def test_nothing_passes_a_reset():
    arguments = example(40)
    reset = torch.zeros(2, 40, dtype=torch.bool)
    reset[0, 21] = True
    clean = state_space_convolution(*arguments, Segments(reset))
    arguments[0][0, 20] = float("nan")
    arguments[-1][0] = float("inf")
    found = state_space_convolution(*arguments, Segments(reset))
    assert bool(found[0][0, :21].isnan().all())
    torch.testing.assert_close((found[0][0, 21:], found[0][1], found[1]), (clean[0][0, 21:], clean[0][1], clean[1]))


def test_gradients_are_the_derivatives(monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 3)
    arguments = [x.requires_grad_() for x in example(8)]
    assert torch.autograd.gradcheck(state_space_convolution, arguments, fast_mode=True)


@pytest.mark.parametrize("channels", [3, 17])
def test_what_is_not_finite_reaches_neither_the_past_nor_others(channels):
    arguments = example(50, channels)
    clean, _ = state_space_convolution(*arguments)
    arguments[0][1, 40, 2] = float("inf")
    found, _ = state_space_convolution(*arguments)
    assert bool(found[1, 40:, 2].isnan().all())
    found[1, 40:, 2] = clean[1, 40:, 2]
    torch.testing.assert_close(found, clean, rtol=1e-12, atol=1e-12)


def test_the_compiled_loop_reads_nothing_that_was_left_in_memory(monkeypatch):
    leaves, found = [x.requires_grad_() for x in example(40, 17)], []
    empty = torch.Tensor.new_empty
    monkeypatch.setattr(torch.Tensor, "new_empty", lambda x, *size: empty(x, *size).fill_(torch.nan))
    for form in ("reference", "compiled"):
        with module.FORMS.use(form):
            s, h = state_space_convolution(*leaves)
        found.append((s, h, *torch.autograd.grad(s.square().sum() + torch.view_as_real(h).square().sum(), leaves)))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)
