import copy

import numpy as np
import pytest
import torch
from scipy.linalg import toeplitz

from statewise import laws
from statewise.layers.statespace.hyena import Hyena


def spoken_filters(layer: Hyena) -> np.ndarray:
    """``(L, N, H)``, tap 0 first, as section 3.3 says."""
    p = {name: value.detach().numpy() for name, value in layer.named_parameters()}
    length, width = layer.context_length, layer.output_size
    rates = np.log(100) / np.linspace(1.5, 0.3, width)
    filters = np.zeros((length, layer.order, width))
    for j in range(length):
        told = [j / (length - 1)]
        told += [np.cos(2 * np.pi * j * m / length) for m in range(layer.filter_bands)]
        told += [np.sin(2 * np.pi * j * m / length) for m in range(layer.filter_bands)]
        hidden = np.sin(layer.sine_frequency * (p["filter_in.weight"] @ told + p["filter_in.bias"]))
        hidden = np.sin(layer.sine_frequency * (p["filter_mix.weight"] @ hidden + p["filter_mix.bias"]))
        filters[j] = (p["filter_out.weight"] @ hidden).reshape(layer.order, width) * np.exp(-rates * told[0])
    return filters


def product_of_matrices(layer: Hyena, x: np.ndarray) -> np.ndarray:
    """One row ``(T, D)``: section 3.2's y = D^N S^N ... D^1 S^1 v, diagonal matrices of gates and Toeplitz ones."""
    p = {name: value.detach().numpy() for name, value in layer.named_parameters()}
    time, width = len(x), layer.output_size
    u = x @ p["project_in.weight"].T + p["project_in.bias"]
    padded = np.concatenate([np.zeros((2, u.shape[1])), u])
    u = p["short.bias"] + sum(p["short.weight"][:, 0, k] * padded[k : k + time] for k in range(3))
    v, *gates = np.split(u, layer.order + 1, axis=1)
    filters = spoken_filters(layer)
    for n, gate in enumerate(gates):
        v = v.copy()
        for channel in range(width):
            column = np.zeros(time)
            column[: layer.context_length] = filters[:time, n, channel]
            v[:, channel] = np.diag(gate[:, channel]) @ toeplitz(column, np.zeros(time)) @ v[:, channel]
    return v @ p["project_out.weight"].T + p["project_out.bias"]


@pytest.mark.parametrize("options", [{}, {"order": 3, "filter_bands": 2, "sine_frequency": 3.0}, {"order": 1}])
@pytest.mark.parametrize("length", [2, 8, 40])
def test_equals_the_papers_product_of_matrices(options, length):
    torch.manual_seed(0)
    layer = Hyena(input_size=3, hidden_size=4, context_length=length, **options).double()
    x = torch.randn(5, 21, 3).double()
    y, _ = layer(x)
    for row in range(5):
        expected = product_of_matrices(layer, x[row].numpy())
        np.testing.assert_allclose(y[row].detach().numpy(), expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("length", [1, 30])
def test_keeps_the_laws_however_long_its_filters(length):
    laws.check(Hyena(input_size=3, hidden_size=4, context_length=length), mode="eval")


def test_a_step_is_forgotten_when_every_filter_has_passed_it():
    """Two filters of L = 4 steps, and a short one of 3, reach 3 + 3 + 2 steps back."""
    torch.manual_seed(0)
    layer = Hyena(input_size=3, hidden_size=4, context_length=4).double()
    x = torch.randn(1, 12, 3).double()
    other = x.clone()
    other[:, 1] += 1.0
    gap = (layer(x)[0] - layer(other)[0]).abs().sum(-1)[0]
    assert bool((gap[1:10] > 0).all())
    assert bool((gap[10:] == 0).all())
    assert gap[0] == 0


def test_its_window_is_as_long_as_what_it_is_to_see():
    assert Hyena(input_size=3, hidden_size=4, **Hyena.options_to_see(33)).initial_state(2).window.shape == (2, 32, 2, 4)


@pytest.mark.parametrize("option", ["context_length", "order", "filter_width", "filter_bands"])
def test_impossible_sizes_are_refused(option):
    with pytest.raises(ValueError, match=option):
        Hyena(input_size=3, hidden_size=4, **{option: 0})


def test_filters_are_as_precise_as_the_weights_allow_in_half_precision_and_under_autocast():
    rounded = Hyena(input_size=3, hidden_size=4, context_length=1024).bfloat16()
    exact = copy.deepcopy(rounded).float()
    for found, expected in zip(rounded._filters(), exact._filters(), strict=True):
        torch.testing.assert_close(found, expected.bfloat16(), rtol=0, atol=0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        under = exact._filters()
    for found, expected in zip(under, exact._filters(), strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=0)
