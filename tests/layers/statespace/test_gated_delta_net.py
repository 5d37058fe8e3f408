import numpy as np
import pytest
import torch

from statewise import laws
from statewise.layers.statespace.gated_delta_net import GatedDeltaNet, GatedDeltaNetState
from statewise.ops import delta_rule


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def equation_10(layer: GatedDeltaNet, x: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One row ``(T, D)`` in the paper's layout, S (N, V, K), from an empty tail."""
    p = {name: value.detach().numpy() for name, value in layer.named_parameters()}
    n, h = layer.heads, layer.output_size
    e = p["out_proj.weight"].shape[1]
    w, z, r, write = np.split(x @ p["in_proj.weight"].T, np.cumsum([2 * h + e, e, n]), axis=1)
    taps = p["conv1d.weight"].shape[2]
    padded = np.concatenate([np.zeros((taps - 1, w.shape[1])), w])
    w = sum(p["conv1d.weight"][:, 0, k] * padded[k : k + len(x)] for k in range(taps))
    q, k, v = (part.reshape(len(x), n, -1) for part in np.split(w * sigmoid(w), [h, 2 * h], axis=1))
    q, k = (part / np.sqrt((part**2).sum(-1, keepdims=True) + 1e-6) for part in (q, k))
    alpha = np.exp(-np.exp(p["A_log"]) * np.log1p(np.exp(r + p["dt_bias"])))
    beta, outputs = sigmoid(write), []
    state = state.copy()
    for t in range(len(x)):
        read = np.zeros((n, e // n))
        for i in range(n):
            householder = np.eye(h // n) - beta[t, i] * np.outer(k[t, i], k[t, i])
            state[i] = state[i] @ (alpha[t, i] * householder) + beta[t, i] * np.outer(v[t, i], k[t, i])
            read[i] = state[i] @ q[t, i]
        normed = read / np.sqrt((read**2).mean(-1, keepdims=True) + 1e-5) * p["norm.weight"]
        outputs.append(p["out_proj.weight"] @ (normed.reshape(e) * z[t] * sigmoid(z[t])))
    return np.stack(outputs), state


@pytest.mark.parametrize("options", [{}, {"heads": 4, "expand": 3, "kernel_size": 2}])
def test_equals_equation_10_number_by_number(options):
    torch.manual_seed(0)
    layer = GatedDeltaNet(input_size=3, hidden_size=4, dt_min=0.05, dt_max=0.5, **options).double()
    torch.nn.init.normal_(layer.norm.weight)
    x, state = torch.randn(5, 11, 3).double(), layer.initial_state(5)
    state = state._replace(h=torch.randn_like(state.h))
    y, final = layer(x, state)
    for row in range(5):
        expected, expected_state = equation_10(layer, x[row].numpy(), state.h[row].transpose(1, 2).numpy())
        np.testing.assert_allclose(y[row].detach().numpy(), expected, rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(final.h[row].mT.detach().numpy(), expected_state, rtol=1e-9, atol=1e-11)


def test_keeps_the_laws_with_several_chunks_in_a_sequence(monkeypatch):
    monkeypatch.setattr(delta_rule, "CHUNK", 4)
    laws.check(GatedDeltaNet(input_size=3, hidden_size=4), mode="eval")


def test_what_it_keeps_never_grows():
    """Keys of length 1 and b in (0, 1): the state's largest singular value only shrinks where nothing new comes in."""
    torch.manual_seed(0)
    layer = GatedDeltaNet(input_size=3, hidden_size=8, heads=2).double()
    with torch.no_grad():
        layer.in_proj.weight[16:32] = 0.0  # values
        state = GatedDeltaNetState(torch.zeros(4, 3, 32).double(), torch.randn(4, 2, 4, 8).double())
        size = torch.linalg.matrix_norm(state.h, 2)
        for x in torch.randn(20, 4, 3).double():
            _, state = layer.step(x, state)
            after = torch.linalg.matrix_norm(state.h, 2)
            assert bool((after < size).all())
            size = after


@pytest.mark.parametrize("options", [{"heads": 3}, {"heads": 0}, {"expand": 0}, {"kernel_size": 0}])
def test_impossible_sizes_are_refused(options):
    with pytest.raises(ValueError, match="heads"):
        GatedDeltaNet(input_size=3, hidden_size=4, **options)
