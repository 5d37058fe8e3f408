import numpy as np
import pytest
import torch

from statewise.contract.segments import Segments
from statewise.ops import running_maximum as module
from statewise.ops.running_maximum import running_maximum

from .segmented import one_by_one


def example(time: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(time)
    a, b = (3 * torch.randn(2, time, 3, generator=g, dtype=torch.float64) for _ in range(2))
    return a, b, torch.randn(2, 3, generator=g, dtype=torch.float64)


@pytest.mark.parametrize("name", module.FORMS.names)
@pytest.mark.parametrize("time", [1, 2, 64, 65, 200])
def test_every_form_equals_the_equation_number_by_number(time, name):
    a, b, m = example(time)
    expected, last = np.zeros((2, time, 3)), m.numpy()
    for t in range(time):
        expected[:, t] = last = np.maximum(last + a[:, t].numpy(), b[:, t].numpy())
    with module.FORMS.use(name):
        np.testing.assert_allclose(running_maximum(a, b, m).numpy(), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", module.FORMS.names)
def test_segments_equal_rows_of_their_own_with_all_gradients(name):
    reset = torch.zeros(2, 40, dtype=torch.bool)
    reset[0, [3, 4, -1]] = reset[1, 17] = True
    segments = Segments(reset)
    a, b, m = leaves = [x.requires_grad_() for x in example(40)]
    with module.FORMS.use(name):
        found = running_maximum(*leaves, segments)

    def alone(a: torch.Tensor, b: torch.Tensor, m: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        y = module.reference(a, b, m)
        return y, y[:, -1]

    expected, _ = one_by_one(alone, [a, b], m, segments)
    torch.testing.assert_close(found, expected)
    cotangent = torch.randn_like(found)
    for one, other in zip(*(torch.autograd.grad(y, leaves, cotangent) for y in (found, expected)), strict=True):
        torch.testing.assert_close(one, other)


def test_it_bounds_the_logarithm_of_what_it_stabilises_and_is_not_far_above():
    a, b, m = example(50)
    h = m.exp()
    for a_t, b_t, m_t in zip(a.unbind(1), b.unbind(1), running_maximum(a, b, m).unbind(1), strict=True):
        h = a_t.exp() * h + b_t.exp()
        assert bool((m_t <= h.log() + 1e-12).all())
        assert bool((h.log() <= m_t + np.log(51)).all())


@pytest.mark.parametrize("name", ["in_blocks", "compiled"])
def test_gradients_are_the_derivatives_and_have_their_own(monkeypatch, name):
    monkeypatch.setattr(module, "BLOCK", 3)
    leaves = [x.requires_grad_() for x in example(8)]
    with module.FORMS.use(name):
        assert torch.autograd.gradcheck(running_maximum, leaves)
        assert torch.autograd.gradgradcheck(running_maximum, leaves)


def test_a_long_sequence_in_float32_keeps_its_digits():
    a, b, m = example(20_000)
    a = -a.abs()
    found = running_maximum(a.float(), b.float(), m.float())
    np.testing.assert_allclose(found.numpy(), running_maximum(a, b, m).numpy(), atol=1e-3)


@pytest.mark.parametrize("name", module.FORMS.names)
def test_what_is_not_a_number_leaves_the_past_alone(name):
    a, b, m = example(70)
    with module.FORMS.use(name):
        clean = running_maximum(a, b, m)
        b[0, 40, 1] = float("nan")
        found = running_maximum(a, b, m)
    assert bool(found[0, 40:, 1].isnan().all())
    found[0, 40:, 1] = clean[0, 40:, 1]
    assert torch.equal(found, clean)
