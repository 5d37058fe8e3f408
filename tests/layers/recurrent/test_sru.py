import math

import numpy as np
import pytest
import torch

from statewise.layers.recurrent.sru import SRU, SRUState


def example(input_size: int, **options) -> tuple[SRU, torch.Tensor, SRUState]:
    torch.manual_seed(0)
    layer = SRU(input_size=input_size, hidden_size=4, **options).double()
    torch.nn.init.normal_(layer.recurrent)
    return layer, torch.randn(5, 9, input_size).double(), SRUState(torch.randn(5, 4).double())


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("input_size", [3, 4])
@pytest.mark.parametrize("rescale", [False, True])
def test_equals_the_papers_loop(input_size, rescale):
    layer, x, state = example(input_size, forget_bias=0.3, highway_bias=-0.6, rescale=rescale)
    w, w_f, w_r = layer.input.weight.detach().unflatten(0, (3, 4)).numpy()
    (v_f, v_r), (b_f, b_r) = layer.recurrent.detach().numpy(), layer.bias.detach().numpy()
    past = x.numpy() if input_size == 4 else layer.highway(x).detach().numpy()
    alpha = math.sqrt(1 + 2 * math.exp(-0.6)) if rescale else 1.0
    c, expected = state.c.numpy().copy(), np.zeros((5, 9, 4))
    for row in range(5):
        for t in range(9):
            seen = x[row, t].numpy()
            f, r = sigmoid(w_f @ seen + v_f * c[row] + b_f), sigmoid(w_r @ seen + v_r * c[row] + b_r)
            c[row] = f * c[row] + (1 - f) * (w @ seen)
            expected[row, t] = r * c[row] + (1 - r) * alpha * past[row, t]
    y, final = layer(x, state)
    np.testing.assert_allclose(y.detach().numpy(), expected, rtol=1e-11)
    np.testing.assert_allclose(final.c.detach().numpy(), c, rtol=1e-11)


def test_a_closed_read_gate_leaves_the_highway_alone():
    layer, x, state = example(4, highway_bias=-1e4)
    y, _ = layer(x, state)
    assert torch.equal(y, x)


def test_equal_widths_need_no_matrix_on_the_highway():
    assert sum(p.numel() for p in SRU(input_size=4, hidden_size=4).parameters()) == 3 * 16 + 2 * 4 + 2 * 4


def test_rescaling_keeps_the_variance_over_a_deep_stack():
    """Section 3.2: with it the output of a layer varies as its input does, without it less and less."""
    torch.manual_seed(0)
    x = torch.randn(64, 20, 128)
    for rescale, low, high in ((False, 0.0, 0.05), (True, 0.3, 3.0)):
        y = x
        with torch.no_grad():
            for _ in range(5):
                y, _ = SRU(input_size=128, hidden_size=128, rescale=rescale)(y)
        assert low < y.var() / x.var() < high, rescale
