import numpy as np
import pytest
import torch

from statewise import laws
from statewise.layers.statespace.mamba2 import Mamba2, Mamba2State
from statewise.ops import matrix_recurrence


def silu(x: np.ndarray) -> np.ndarray:
    return x / (1 + np.exp(-x))


def the_papers_block(layer: Mamba2, x: np.ndarray) -> np.ndarray:
    """One row ``(T, D)``, head by head as the attention with decaying scores that the paper shows it to be."""
    p = {name: value.detach().numpy() for name, value in layer.named_parameters()}
    heads, channels = len(p["D"]), len(p["norm.weight"])
    width, taps = channels // heads, p["conv1d.weight"].shape[2]
    states = (p["conv1d.bias"].size - channels) // 2
    z, w, r = np.split(x @ p["in_proj.weight"].T, [channels, 2 * channels + 2 * states], axis=1)
    padded = np.concatenate([np.zeros((taps - 1, w.shape[1])), w])
    w = silu(p["conv1d.bias"] + sum(p["conv1d.weight"][:, 0, k] * padded[k : k + len(x)] for k in range(taps)))
    u, b, c = np.split(w, [channels, channels + states], axis=1)
    dt = np.log1p(np.exp(r + p["dt_bias"]))
    y = np.zeros_like(u)
    for n in range(heads):
        part, log_decay = slice(n * width, (n + 1) * width), -np.exp(p["A_log"][n]) * dt[:, n]
        for t in range(len(x)):
            for s in range(t + 1):
                score = np.exp(log_decay[s + 1 : t + 1].sum()) * (c[t] @ b[s])
                y[t, part] += score * dt[s, n] * u[s, part]
            y[t, part] += p["D"][n] * u[t, part]
    y = y * silu(z)
    y = y / np.sqrt((y**2).mean(axis=1, keepdims=True) + 1e-5) * p["norm.weight"]
    return y @ p["out_proj.weight"].T


@pytest.mark.parametrize("options", [{}, {"expand": 3, "heads": 4, "state_size": 5, "kernel_size": 2}])
def test_equals_the_papers_dual_form(options):
    torch.manual_seed(0)
    layer = Mamba2(input_size=3, hidden_size=4, **options).double()
    with torch.no_grad():
        layer.dt_bias.add_(2.0)  # steps long enough for the decays to matter
        layer.D.normal_()
        layer.norm.weight.normal_()
    x = torch.randn(5, 11, 3).double()
    y, _ = layer(x)
    for row in range(5):
        np.testing.assert_allclose(
            y[row].detach().numpy(), the_papers_block(layer, x[row].numpy()), rtol=1e-10, atol=1e-12
        )


def test_keeps_the_laws_with_several_chunks_in_a_sequence(monkeypatch):
    monkeypatch.setattr(matrix_recurrence, "CHUNK", 4)
    laws.check(Mamba2(input_size=3, hidden_size=4, state_size=5), mode="eval")


def test_tiny_steps_keep_the_state_and_large_ones_forget_it():
    torch.manual_seed(0)
    layer = Mamba2(input_size=3, hidden_size=4).double()
    tail = torch.zeros(2, 3, 72).double()
    start, other = (Mamba2State(tail, torch.randn(2, 2, 32, 4).double()) for _ in range(2))
    x = torch.randn(2, 6, 3).double()
    torch.nn.init.constant_(layer.dt_bias, -800.0)
    torch.testing.assert_close(layer(x, start)[1].h, start.h, rtol=1e-12, atol=1e-12)
    torch.nn.init.constant_(layer.dt_bias, 800.0)
    torch.testing.assert_close(layer(x, start)[0], layer(x, other)[0], rtol=1e-12, atol=1e-12)


def test_starts_as_the_authors_code():
    torch.manual_seed(0)
    layer = Mamba2(input_size=2, hidden_size=300, heads=300, dt_min=0.002, dt_max=0.2)
    dt, a = torch.nn.functional.softplus(layer.dt_bias), layer.A_log.exp()
    assert 0.002 * (1 - 1e-4) <= dt.min() <= dt.max() <= 0.2 * (1 + 1e-4)
    assert 1 <= a.min() <= 1.3
    assert 15.7 <= a.max() <= 16


def test_parameters_are_named_as_in_the_authors_code():
    """mamba_ssm.modules.mamba2 with ``d_model=32, headdim=16, d_state=8``, which has no group but one."""
    layer = Mamba2(input_size=32, hidden_size=32, heads=4, state_size=8)
    assert {name: tuple(value.shape) for name, value in layer.named_parameters()} == {
        "in_proj.weight": (2 * 64 + 2 * 8 + 4, 32),
        "conv1d.weight": (64 + 2 * 8, 1, 4),
        "conv1d.bias": (64 + 2 * 8,),
        "dt_bias": (4,),
        "A_log": (4,),
        "D": (4,),
        "norm.weight": (64,),
        "out_proj.weight": (32, 64),
    }


def test_a_width_fits_the_heads():
    for heads, expand in ((4, 2), (3, 2), (8, 4), (1, 1)):
        multiple = Mamba2.width_multiple({"heads": heads, "expand": expand})
        Mamba2(input_size=3, hidden_size=multiple, heads=heads, expand=expand, state_size=2)
    with pytest.raises(ValueError, match="divide"):
        Mamba2(input_size=3, hidden_size=4, heads=3)


@pytest.mark.parametrize("option", ["expand", "heads", "state_size", "kernel_size"])
def test_impossible_sizes_are_refused(option):
    with pytest.raises(ValueError, match=option):
        Mamba2(input_size=3, hidden_size=4, **{option: 0})
