import math

import numpy as np
import pytest
import torch
from torch import nn

from statewise.layers.statespace.rg_lru import RGLRU
from statewise.ops.cells.rg_lru import RGLRUCell


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def test_equals_the_papers_loop():
    torch.manual_seed(0)
    layer, x = RGLRU(input_size=3, hidden_size=4, state_size=6).double(), torch.randn(2, 9, 3).double()
    p = {name: value.detach().numpy() for name, value in layer.named_parameters()}
    a_full = sigmoid(p["Lambda"])
    for row in range(2):
        into = x[row].numpy() @ p["input.weight"].T + p["input.bias"]
        padded, gate = np.vstack([np.zeros((3, 6)), into[:, :6]]), into[:, 6:]
        h = np.zeros(6)
        for t in range(9):
            v = (padded[t : t + 4] * p["convolution.weight"][:, 0].T).sum(0) + p["convolution.bias"]
            r, i = np.split(sigmoid(p["gates.weight"] @ v + p["gates.bias"]), 2)
            a = a_full ** (8 * r)
            h = a * h + np.sqrt(1 - a**2) * (i * v)
            gelu = np.array([g * 0.5 * (1 + math.erf(g / math.sqrt(2))) for g in gate[t]])
            expected = p["output.weight"] @ (gelu * h) + p["output.bias"]
            np.testing.assert_allclose(layer(x)[0][row, t].detach().numpy(), expected, rtol=1e-9)


def test_decays_start_in_their_range():
    layer = RGLRU(input_size=1, hidden_size=2000, smallest_decay=0.5, largest_decay=0.8)
    decays = layer.Lambda.sigmoid() ** 8
    assert 0.5 <= decays.min() < 0.51
    assert 0.79 < decays.max() <= 0.8


def test_the_root_keeps_the_variance_of_white_noise():
    """Section 2.4: with sqrt(1 - a^2) the state varies as what drives it, whatever a is."""
    torch.manual_seed(0)
    layer = RGLRU(input_size=64, hidden_size=64, smallest_decay=0.7, largest_decay=0.95)
    nn.init.zeros_(layer.gates.weight)
    nn.init.constant_(layer.gates.bias[:64], 30.0)
    nn.init.constant_(layer.gates.bias[64:], 30.0)
    v = torch.randn(8, 2000, 64)
    a, driven = RGLRUCell().coefficients(layer._gates(v), v, layer._log_decay())
    h = torch.zeros(8, 64)
    variance = []
    for a_t, b_t in zip(a.unbind(1), driven.unbind(1), strict=True):
        h = a_t * h + b_t
        variance.append(h.var())
    assert abs(torch.stack(variance[200:]).mean() - 1) < 0.05


def test_a_gate_that_keeps_all_has_finite_gradients():
    layer = RGLRU(input_size=3, hidden_size=4)
    nn.init.constant_(layer.gates.bias, -200.0)
    layer(torch.randn(2, 5, 3))[0].sum().backward()
    assert all(p.grad.isfinite().all() for p in layer.parameters())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kernel_size": 0}, "at least 1 step wide, got 0"),
        ({"smallest_decay": 0.9, "largest_decay": 0.8}, "smallest_decay=0.9 and largest_decay=0.8"),
        ({"largest_decay": 1.0}, "largest_decay=1.0"),
    ],
)
def test_what_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        RGLRU(input_size=3, hidden_size=4, **options)
