import numpy as np
import pytest
import torch

from statewise import laws
from statewise.layers.statespace.mamba import Mamba, MambaState
from statewise.ops import selective_scan


def silu(x: np.ndarray) -> np.ndarray:
    return x / (1 + np.exp(-x))


def algorithm_2(layer: Mamba, x: np.ndarray) -> np.ndarray:
    """One row ``(T, D)`` through the paper's block, number by number, from an empty state."""
    p = {name: value.detach().numpy() for name, value in layer.named_parameters()}
    channels, states = p["A_log"].shape
    rank, taps = p["dt_proj.weight"].shape[1], p["conv1d.weight"].shape[2]
    a, h = -np.exp(p["A_log"]), np.zeros((channels, states))
    doubled = x @ p["in_proj.weight"].T
    v, gate = doubled[:, :channels], doubled[:, channels:]
    outputs = []
    for t in range(len(x)):
        u = p["conv1d.bias"].copy()
        for k in range(taps):
            if t - k >= 0:
                u += p["conv1d.weight"][:, 0, taps - 1 - k] * v[t - k]
        u = silu(u)
        selected = p["x_proj.weight"] @ u
        low_rank, b, c = selected[:rank], selected[rank : rank + states], selected[rank + states :]
        delta = np.log1p(np.exp(p["dt_proj.weight"] @ low_rank + p["dt_proj.bias"]))
        y = np.zeros(channels)
        for e in range(channels):
            for s in range(states):
                h[e, s] = np.exp(delta[e] * a[e, s]) * h[e, s] + delta[e] * b[s] * u[e]
                y[e] += c[s] * h[e, s]
        y += p["D"] * u
        outputs.append(p["out_proj.weight"] @ (y * silu(gate[t])))
    return np.stack(outputs)


@pytest.mark.parametrize("options", [{}, {"expand": 3, "state_size": 5, "kernel_size": 2, "dt_rank": 3}])
def test_equals_algorithm_2_number_by_number(options):
    torch.manual_seed(0)
    layer = Mamba(input_size=3, hidden_size=4, **options).double()
    with torch.no_grad():
        layer.dt_proj.bias.add_(3.0)  # steps near 1, so that the states matter
        layer.D.normal_()
    x = torch.randn(5, 11, 3).double()
    y, state = layer(x)
    for row in range(5):
        np.testing.assert_allclose(y[row].detach().numpy(), algorithm_2(layer, x[row].numpy()), rtol=1e-10, atol=1e-12)
    taps = layer.conv1d.kernel_size[0]
    expected_tail = layer.in_proj(x)[:, -(taps - 1) :, : layer.channels]
    torch.testing.assert_close(state.tail, expected_tail)


def test_a_kernel_of_one_tap_needs_no_tail():
    laws.check(Mamba(input_size=3, hidden_size=4, kernel_size=1))


def test_keeps_the_laws_with_several_pieces_in_a_sequence(monkeypatch):
    monkeypatch.setattr(selective_scan, "PIECE", 3 * 5 * 8 * 16)
    monkeypatch.setattr(selective_scan, "SHORTEST", 1)
    laws.check(Mamba(input_size=3, hidden_size=4))


def test_tiny_steps_keep_the_state_and_large_ones_forget_it():
    """dt -> 0 keeps the state, whatever comes in; dt -> infinity forgets it."""
    torch.manual_seed(0)
    layer = Mamba(input_size=3, hidden_size=4).double()
    start = MambaState(torch.zeros(2, 3, 8).double(), torch.randn(2, 8, 16).double())
    other = MambaState(start.tail, torch.randn(2, 8, 16).double())
    x = torch.randn(2, 6, 3).double()
    torch.nn.init.constant_(layer.dt_proj.bias, -800.0)
    torch.testing.assert_close(layer(x, start)[1].h, start.h, rtol=1e-12, atol=1e-12)
    torch.nn.init.constant_(layer.dt_proj.bias, 200.0)
    torch.testing.assert_close(layer(x, start)[0], layer(x, other)[0], rtol=1e-12, atol=1e-12)


def test_starts_as_the_paper_says():
    torch.manual_seed(0)
    layer = Mamba(input_size=40, hidden_size=40, dt_min=0.002, dt_max=0.2)
    assert layer.dt_proj.weight.shape == (80, 3)
    torch.testing.assert_close(-layer.A_log.exp(), -torch.arange(1, 17.0).repeat(80, 1))
    dt = torch.nn.functional.softplus(layer.dt_proj.bias)
    assert dt.min() >= 0.002 * (1 - 1e-4)
    assert dt.max() <= 0.2 * (1 + 1e-4)
    assert 0.3 < (dt < 0.02).float().mean() < 0.7


def test_parameters_are_named_as_in_the_authors_code():
    """So that weights of mamba_ssm and transformers load as they are."""
    shapes = {name: tuple(value.shape) for name, value in Mamba(input_size=32, hidden_size=32).named_parameters()}
    assert shapes == {
        "in_proj.weight": (128, 32),
        "conv1d.weight": (64, 1, 4),
        "conv1d.bias": (64,),
        "x_proj.weight": (34, 64),
        "dt_proj.weight": (64, 2),
        "dt_proj.bias": (64,),
        "A_log": (64, 16),
        "D": (64,),
        "out_proj.weight": (32, 64),
    }


@pytest.mark.parametrize("option", ["expand", "state_size", "kernel_size", "dt_rank"])
def test_impossible_sizes_are_refused(option):
    with pytest.raises(ValueError, match=option):
        Mamba(input_size=3, hidden_size=4, **{option: 0})
