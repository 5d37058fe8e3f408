import numpy as np
import pytest
import torch

from statewise.contract.segments import Segments
from statewise.ops import state_space_convolution as module
from statewise.ops.state_space_convolution import state_space_convolution

from .segmented import one_by_one


def example(time: int) -> list[torch.Tensor]:
    """Rows 2, channels 3, states 4; every matrix shrinks what it is given a little, and none is symmetric."""
    g = torch.Generator().manual_seed(time)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=g, dtype=torch.float64)

    a = normal(3, 4, 4)
    a = 0.97 * a / torch.linalg.matrix_norm(a, 2)[:, None, None]
    return [normal(2, time, 3), a, normal(3, 4), normal(3, 4), normal(2, 3, 4)]


@pytest.mark.parametrize("time", [1, 2, 31, 32, 33, 100])
def test_every_form_equals_the_equation_number_by_number(time):
    arguments = example(time)
    u, a, b, c, h = (x.numpy().copy() for x in arguments)
    expected = np.zeros_like(u)
    for row, t, d in np.ndindex(2, time, 3):
        h[row, d] = a[d] @ h[row, d] + b[d] * u[row, t, d]
        expected[row, t, d] = c[d] @ h[row, d]
    for form in (state_space_convolution, module.reference):
        s, final = form(*arguments)
        np.testing.assert_allclose(s.numpy(), expected, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(final.numpy(), h, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", module.FORMS.names)
def test_segments_equal_rows_of_their_own_with_all_gradients(name):
    reset = torch.zeros(2, 70, dtype=torch.bool)
    reset[0, [0, 1, 40]] = reset[1, [33, -1]] = True
    segments = Segments(reset)
    u, a, b, c, initial = leaves = [x.requires_grad_() for x in example(70)]
    with module.FORMS.use(name):
        found = state_space_convolution(*leaves, segments)
    both = found, one_by_one(lambda part, h: module.reference(part, a, b, c, h), [u], initial, segments)
    torch.testing.assert_close(*both)
    cotangents = [torch.randn_like(y) for y in found]
    for gradients in zip(*(torch.autograd.grad(outputs, leaves, cotangents) for outputs in both), strict=True):
        torch.testing.assert_close(*gradients)


def test_gradients_are_the_derivatives(monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 3)
    arguments = [x.requires_grad_() for x in example(8)]
    assert torch.autograd.gradcheck(state_space_convolution, arguments, fast_mode=True)


def test_what_is_not_finite_reaches_neither_the_past_nor_others():
    arguments = example(50)
    clean, _ = state_space_convolution(*arguments)
    arguments[0][1, 40, 2] = float("inf")
    found, _ = state_space_convolution(*arguments)
    assert bool(found[1, 40:, 2].isnan().all())
    found[1, 40:, 2] = clean[1, 40:, 2]
    torch.testing.assert_close(found, clean, rtol=1e-12, atol=1e-12)
