import numpy as np
import pytest
import torch

from statewise import laws
from statewise.layers.statespace.mlstm import MLSTM, MLSTMState
from statewise.ops import matrix_recurrence, running_maximum


def equations_19_to_27(layer: MLSTM, x: np.ndarray, c: np.ndarray, n: np.ndarray) -> np.ndarray:
    """One row ``(T, D)`` without any stabiliser, C (N, K, K) as in the paper, its columns by key."""
    p = {name: value.detach().numpy() for name, value in layer.named_parameters()}
    heads, width = layer.heads, layer.output_size // layer.heads
    outputs = []
    for x_t in x:
        q, k, v, o = (part.reshape(heads, width) for part in np.split(p["project.weight"] @ x_t + p["project.bias"], 4))
        k = k / np.sqrt(width)
        i, f = np.split(p["gates.weight"] @ x_t + p["gates.bias"], 2)
        i, f, o = np.exp(i), 1 / (1 + np.exp(-f)), 1 / (1 + np.exp(-o))
        h = np.zeros((heads, width))
        for head in range(heads):
            c[head] = f[head] * c[head] + i[head] * np.outer(v[head], k[head])
            n[head] = f[head] * n[head] + i[head] * k[head]
            h[head] = o[head] * (c[head] @ q[head]) / max(abs(n[head] @ q[head]), 1)
        outputs.append(h.reshape(-1))
    return np.stack(outputs)


@pytest.mark.parametrize("options", [{}, {"heads": 1, "forget_bias": 1.0, "input_bias": 2.0}, {"input_bias": -3.0}])
def test_equals_equations_19_to_27_from_any_state_however_it_is_stabilised(options):
    torch.manual_seed(0)
    layer = MLSTM(input_size=3, hidden_size=4, **options).double()
    x, state = 2 * torch.randn(5, 40, 3).double(), layer.initial_state(5)
    state = MLSTMState(*(torch.randn_like(leaf) for leaf in state))
    y, final = layer(x, state)
    scale = state.m.exp()
    for row in range(5):
        c = (state.C[row].mT * scale[row][:, None, None]).numpy().copy()
        n = (state.n[row] * scale[row][:, None]).numpy().copy()
        expected = equations_19_to_27(layer, x[row].numpy(), c, n)
        np.testing.assert_allclose(y[row].detach().numpy(), expected, rtol=1e-9, atol=1e-11)
        unscale = final.m[row].exp()[:, None].detach()
        np.testing.assert_allclose((final.C[row].mT * unscale[..., None]).detach().numpy(), c, rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose((final.n[row] * unscale).detach().numpy(), n, rtol=1e-9, atol=1e-11)


def test_keeps_the_laws_with_several_chunks_in_a_sequence(monkeypatch):
    monkeypatch.setattr(matrix_recurrence, "CHUNK", 4)
    monkeypatch.setattr(running_maximum, "BLOCK", 3)
    laws.check(MLSTM(input_size=3, hidden_size=4), mode="eval")


@pytest.mark.parametrize("bias", [-300.0, 300.0])
def test_gates_that_no_float_can_hold_do_no_harm(bias):
    torch.manual_seed(0)
    layer = MLSTM(input_size=3, hidden_size=4, input_bias=bias)
    x = torch.randn(2, 50, 3, requires_grad=True)
    y, state = layer(x)
    y.sum().backward()
    assert bool(y.isfinite().all())
    assert bool(x.grad.isfinite().all())
    assert all(bool(p.grad.isfinite().all()) for p in layer.parameters())
    assert all(bool(leaf.isfinite().all()) for leaf in state)


def test_a_strong_input_gate_lets_nothing_else_be_read():
    """Where i_t outweighs all that was, C = i v k^T and n = i k: h = v for any query, or -v."""
    torch.manual_seed(0)
    layer = MLSTM(input_size=3, hidden_size=4, input_bias=40.0).double()
    x = torch.randn(5, 1, 3).double()
    q, k, v, o = layer.project(x).view(5, 4, 2, 2).unbind(1)
    side = (q * k).sum(-1, keepdim=True).sign()
    torch.testing.assert_close(layer(x)[0], (torch.sigmoid(o) * side * v).view(5, 1, 4))


@pytest.mark.parametrize("heads", [0, 3])
def test_heads_that_do_not_divide_the_width_are_refused(heads):
    with pytest.raises(ValueError, match="heads"):
        MLSTM(input_size=3, hidden_size=4, heads=heads)


def test_forget_gates_are_spread_evenly_over_the_heads():
    assert torch.equal(MLSTM(input_size=3, hidden_size=8, heads=4).gates.bias[4:], torch.tensor([3.0, 4.0, 5.0, 6.0]))
    one = MLSTM(input_size=3, hidden_size=8, heads=4, forget_bias=1.0, forget_spread=0.0)
    assert (one.gates.bias[4:] == 1).all()
