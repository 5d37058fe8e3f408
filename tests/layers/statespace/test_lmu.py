"""The memory against what is known of it: its matrices, Legendre polynomials, Pade approximants; the cell by hand."""

import math

import numpy as np
import pytest
import torch
from scipy.interpolate import pade
from scipy.linalg import expm
from scipy.special import eval_sh_legendre

from statewise import probe
from statewise.contract import SequenceLayer
from statewise.init.legendre import legendre_delay, zero_order_hold
from statewise.layers.statespace.lmu import LMU, LMUState


def example(**options) -> tuple[LMU, torch.Tensor, LMUState]:
    torch.manual_seed(0)
    layer = LMU(input_size=3, hidden_size=4, order=6, window=5.5, **options).double()
    torch.nn.init.normal_(layer.memory_to_write)
    return layer, torch.randn(5, 9, 3).double(), LMUState(torch.randn(5, 4).double(), torch.randn(5, 6).double())


def remembered(u: np.ndarray, order: int, window: float) -> np.ndarray:
    """The memory ``(T, order)`` of a signal."""
    a, b = (part.numpy() for part in zero_order_hold(*legendre_delay(order), dt=1 / window))
    m, memory = np.zeros(order), []
    for number in u:
        m = a @ m + b * number
        memory.append(m)
    return np.array(memory)


def test_the_matrices_are_the_papers_number_by_number():
    a, b = legendre_delay(7)
    for i in range(7):
        assert b[i] == (2 * i + 1) * (-1) ** i
        for j in range(7):
            assert a[i, j] == (2 * i + 1) * (-1 if i < j else (-1) ** (i - j + 1))


@pytest.mark.parametrize("order", [1, 2, 4, 5])
def test_the_whole_delay_is_the_pade_approximant_of_exp(order):
    """Voelker et al., section 2: C (s I - A)^-1 B, read at the end of the window, is [d-1/d] of exp(-s)."""
    a, b = (part.numpy() for part in legendre_delay(order))
    numerator, denominator = pade([(-1) ** k / math.factorial(k) for k in range(2 * order)], order)
    for s in (0.3, 1.0, 2.0 + 1.5j):
        found = np.ones(order) @ np.linalg.solve(s * np.eye(order) - a, b)
        np.testing.assert_allclose(found, numerator(s) / denominator(s), rtol=1e-9)


def test_holding_the_input_over_a_step_is_the_integral():
    a, b = (part.numpy() for part in legendre_delay(4))
    a_held, b_held = (part.numpy() for part in zero_order_hold(*legendre_delay(4), dt=0.3))
    np.testing.assert_allclose(a_held, expm(0.3 * a), rtol=1e-12)
    np.testing.assert_allclose(b_held, np.linalg.solve(a, (expm(0.3 * a) - np.eye(4)) @ b), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0])
def test_legendre_polynomials_read_the_delayed_input_from_the_memory(share):
    window, order = 100.0, 12
    time = np.arange(500)
    u = np.sin(2 * np.pi * time / 150) + 0.5 * np.cos(2 * np.pi * time / 90)
    read = remembered(u, order, window) @ eval_sh_legendre(np.arange(order), share)
    delay = share * window - 0.5  # held over a step, an input is half a step older than its number says
    expected = np.sin(2 * np.pi * (time - delay) / 150) + 0.5 * np.cos(2 * np.pi * (time - delay) / 90)
    assert np.abs(read - expected)[200:].max() < 1e-2


def test_a_constant_input_is_the_constant_polynomial():
    m = remembered(np.full(400, 3.0), order=8, window=20.0)[-1]
    np.testing.assert_allclose(m, [3.0] + 7 * [0.0], atol=1e-9)


@pytest.mark.parametrize("run", [SequenceLayer.forward, SequenceLayer._sequence], ids=["whole sequence", "steps"])
def test_the_cell_is_the_papers_by_hand(run):
    layer, x, state = example()
    own = {name: tensor.detach().numpy() for name, tensor in layer.state_dict().items()}
    h, m = (leaf.numpy() for leaf in state)
    y, after = run(layer, x, state)
    for t in range(x.shape[1]):
        driven = x[:, t].numpy() @ own["input_map.weight"].T + h @ own["recurrent_map.weight"].T
        u = driven[:, 0] + m @ own["memory_to_write"]
        m = m @ own["transition"].T + np.outer(u, own["drive"])
        h = np.tanh(driven[:, 1:] + m @ own["memory_map.weight"].T)
        np.testing.assert_allclose(y[:, t].detach().numpy(), h, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(after.m.detach().numpy(), m, rtol=1e-10, atol=1e-12)


def test_what_is_written_can_be_watched():
    layer, x, state = example()
    with probe.recording(layer) as seen:
        layer(x, state)
    assert seen[""]["written"].shape == (5, 9, 1)


@pytest.mark.parametrize("options", [{"order": 0}, {"window": 0.0}])
def test_a_memory_of_nothing_is_refused(options):
    with pytest.raises(ValueError, match="order >= 1 and window > 0"):
        LMU(input_size=3, hidden_size=4, **options)
