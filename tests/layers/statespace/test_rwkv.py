import numpy as np
import pytest
import torch

from statewise import laws
from statewise.layers.statespace.rwkv import RWKV, RWKVState
from statewise.ops import matrix_recurrence


def lively(**options) -> RWKV:
    """With weights that the authors let start at zero or next to it drawn anew, so that every path counts."""
    torch.manual_seed(0)
    layer = RWKV(input_size=3, hidden_size=4, **options).double()
    for name, parameter in layer.named_parameters():
        if name.startswith(("mix", "decay_", "norm")) and name != "decay_bias":
            torch.nn.init.normal_(parameter)
    torch.nn.init.normal_(layer.bonus)
    return layer


def section_4_2(layer: RWKV, x: np.ndarray) -> np.ndarray:
    """One row ``(T, D)`` from the start, as the paper writes it: sums over all of the past, no state."""
    p = {name: value.detach().numpy() for name, value in layer.named_parameters()}
    time, heads = len(x), layer.heads
    before = np.concatenate([np.zeros((1, x.shape[1])), x[:-1]])

    def lerp(share: np.ndarray) -> np.ndarray:
        return x + (before - x) * share

    rank = p["mix_up"].shape[1]
    downs = p["mix_down.weight"].reshape(5, rank, -1)
    base = lerp(p["mix_base"])
    r, k, v, g, d = (lerp(p["mix"][i] + np.tanh(base @ downs[i].T) @ p["mix_up"][i]) for i in range(5))
    r, k, v = (
        (part @ p[f"{name}.weight"].T).reshape(time, heads, -1)
        for part, name in ((r, "receptance"), (k, "key"), (v, "value"))
    )
    d = p["decay_bias"] + np.tanh(d @ p["decay_down.weight"].T) @ p["decay_up.weight"].T
    w = np.exp(-np.exp(d)).reshape(time, heads, -1)
    o = np.zeros_like(v)
    for t in range(time):
        for n in range(heads):
            wkv = np.diag(p["bonus"][n]) @ np.outer(k[t, n], v[t, n])
            for i in range(t):
                wkv += np.diag(np.prod(w[i + 1 : t, n], axis=0)) @ np.outer(k[i, n], v[i, n])
            o[t, n] = r[t, n] @ wkv
    o = (o - o.mean(-1, keepdims=True)) / np.sqrt(o.var(-1, keepdims=True) + 64e-5)
    o = o.reshape(time, -1) * p["norm_weight"] + p["norm_bias"]
    g = g @ p["gate.weight"].T
    return (o * g / (1 + np.exp(-g))) @ p["output.weight"].T


@pytest.mark.parametrize("options", [{}, {"heads": 1, "mix_rank": 3, "decay_rank": 2, "fastest_decay": 1.0}])
def test_equals_section_4_2_as_a_sum_over_the_past(options):
    layer = lively(**options)
    x = torch.randn(5, 21, 3).double()
    y, state = layer(x)
    for row in range(5):
        np.testing.assert_allclose(y[row].detach().numpy(), section_4_2(layer, x[row].numpy()), rtol=1e-9, atol=1e-10)
    assert torch.equal(state.last, x[:, -1])


def test_keeps_the_laws_with_several_chunks_in_a_sequence(monkeypatch):
    monkeypatch.setattr(matrix_recurrence, "CHUNK_OF_CHANNELS", 4)
    laws.check(lively(), mode="eval")


def test_a_step_is_read_before_it_is_written():
    """Without the bonus, what a step brings is first read by the next one."""
    layer = lively()
    torch.nn.init.zeros_(layer.bonus)
    state = layer.initial_state(2)
    _, state = layer.step(torch.randn(2, 3).double(), state)
    x = torch.zeros(2, 3).double()
    gate = torch.nn.functional.silu(layer._mixed(x, x).gate)
    assert bool((state.h != 0).any())
    empty, _ = layer.step(x, RWKVState(x, torch.zeros_like(state.h)))
    torch.testing.assert_close(empty, layer.output(layer.norm_bias * gate))


def test_channels_start_with_memories_from_long_to_short():
    layer = RWKV(input_size=3, hidden_size=64, slowest_decay=-5.0, fastest_decay=0.0)
    keep = layer._mixed(torch.zeros(1, 3), torch.zeros(1, 3)).log_w.exp().flatten()
    assert keep[0].item() == pytest.approx(np.exp(-np.exp(-5.0)), rel=1e-5)
    assert keep[-1].item() == pytest.approx(np.exp(-1), rel=1e-5)
    assert bool((keep[1:] < keep[:-1]).all())


@pytest.mark.parametrize("options", [{"heads": 3}, {"heads": 0}, {"mix_rank": 0}, {"decay_rank": 0}])
def test_impossible_sizes_are_refused(options):
    with pytest.raises(ValueError, match="heads"):
        RWKV(input_size=3, hidden_size=4, **options)
