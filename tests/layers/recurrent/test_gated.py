"""Gated cells against torch.nn where it has them, else against the papers' equations in numpy."""

import numpy as np
import pytest
import torch
from torch import nn

from statewise import laws
from statewise.contract import SequenceLayer
from statewise.layers.recurrent.coupled_lstm import CoupledLSTM
from statewise.layers.recurrent.minimal_gated_unit import MinimalGatedUnit
from statewise.layers.recurrent.minimal_rnn import MinimalRNN
from statewise.layers.recurrent.norm_gru import NormGRU
from statewise.layers.recurrent.norm_lstm import NormLSTM
from statewise.layers.recurrent.orthogonal_rnn import OrthogonalRNN
from statewise.layers.recurrent.peephole_lstm import PeepholeLSTM
from statewise.layers.recurrent.projected_lstm import ProjectedLSTM
from statewise.layers.recurrent.skip_rnn import SkipRNN
from statewise.layers.recurrent.zoneout_lstm import ZoneoutLSTM
from statewise.ops import dense_recurrence
from statewise.ops.linear import is_small

B, T, D, H = 3, 6, 4, 5
NOISELESS = {"zoneout": 0.0, "zoneout_memory": 0.0}


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def normed(a, kind):
    a = a - a.mean(-1, keepdims=True) if kind == "layer" else a
    return a / np.sqrt((a**2).mean(-1, keepdims=True) + 1e-5)


def made(kind, **options):
    """A layer in float64 no parameter of which is zero, with its parameters in numpy by name, and an input."""
    torch.manual_seed(0)
    layer = kind(input_size=D, hidden_size=H, **options).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    x = torch.randn(B, T, D, dtype=torch.float64)
    return layer, {name: p.detach().numpy() for name, p in layer.named_parameters()}, x


def steps(layer, x):
    """Input in numpy step by step, beside what the layer says."""
    y, _ = layer(x)
    return zip(x.numpy().transpose(1, 0, 2), y.detach().numpy().transpose(1, 0, 2), strict=True)


def blocks(a, count):
    return np.split(a, count, axis=-1)


def product(p, x, h):
    return x @ p["input.weight"].T + p["input.bias"] + h @ p["recurrent.weight"].T


def same(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("kind", [PeepholeLSTM, ZoneoutLSTM])
def test_without_what_makes_it_another_it_is_torchs_lstm(kind):
    layer, _, x = made(kind, **NOISELESS)
    module = nn.LSTM(D, H, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        if kind is PeepholeLSTM:
            layer.peepholes.zero_()
        module.weight_ih_l0.copy_(layer.input.weight)
        module.weight_hh_l0.copy_(layer.recurrent.weight)
        module.bias_ih_l0.copy_(layer.input.bias)
        module.bias_hh_l0.zero_()
    y, state = layer(x)
    expected, (h, c) = module(x)
    for found, other in ((y, expected), (state.h, h[0]), (state.c, c[0])):
        torch.testing.assert_close(found, other, rtol=1e-12, atol=1e-12)


def test_peepholes_by_hand():
    layer, p, x = made(PeepholeLSTM)
    h = c = np.zeros((B, H))
    for x_t, y_t in steps(layer, x):
        i, f, g, o = blocks(product(p, x_t, h), 4)
        i, f = sigmoid(i + p["peepholes"][0] * c), sigmoid(f + p["peepholes"][1] * c)
        c = f * c + i * np.tanh(g)
        h = sigmoid(o + p["peepholes"][2] * c) * np.tanh(c)
        same(y_t, h)


def test_coupled_gates_by_hand():
    layer, p, x = made(CoupledLSTM)
    h = c = np.zeros((B, H))
    for x_t, y_t in steps(layer, x):
        f, g, o = blocks(product(p, x_t, h), 3)
        c = sigmoid(f) * c + (1 - sigmoid(f)) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        same(y_t, h)


@pytest.mark.parametrize("norm", ["layer", "rms"])
def test_the_normed_lstm_by_hand(norm):
    layer, p, x = made(NormLSTM, norm=norm)
    h = c = np.zeros((B, H))
    for x_t, y_t in steps(layer, x):
        a = p["recurrent_gain"] * normed(h @ p["recurrent.weight"].T, norm)
        a = a + p["input_gain"] * normed(x_t @ p["input.weight"].T, norm) + p["input.bias"]
        i, f, g, o = blocks(a, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(p["memory_gain"] * normed(c, norm) + p["memory_bias"])
        same(y_t, h)


@pytest.mark.parametrize("norm", ["layer", "rms"])
@pytest.mark.parametrize(("options", "forgets"), [({}, True), ({"recurrent_gain": 1.0}, False)])
@torch.no_grad()
def test_an_lstm_normed_as_it_starts_forgets_a_small_difference(norm, options, forgets):
    torch.manual_seed(0)
    layer = NormLSTM(input_size=64, hidden_size=64, norm=norm, **options).double()
    x = torch.randn(4, 100, 64, dtype=torch.float64)
    state = layer(x)[1]
    other = state._replace(h=state.h + 1e-9 * torch.randn_like(state.h))
    apart = (layer(x, state)[0] - layer(x, other)[0]).norm(dim=(0, 2))
    assert apart[-1] < 0.01 * apart[0] if forgets else apart[-1] > apart[0]


@pytest.mark.parametrize("norm", ["layer", "rms"])
def test_the_normed_gru_by_hand(norm):
    layer, p, x = made(NormGRU, norm=norm)

    def both(a, gain):
        return gain * np.concatenate([normed(a[:, : 2 * H], norm), normed(a[:, 2 * H :], norm)], axis=1)

    h = np.zeros((B, H))
    for x_t, y_t in steps(layer, x):
        seen = both(x_t @ p["input.weight"].T, p["input_gain"]) + p["input.bias"]
        kept = both(h @ p["recurrent.weight"].T, p["recurrent_gain"])
        r, z = blocks(sigmoid(seen + kept)[:, : 2 * H], 2)
        n = np.tanh(seen[:, 2 * H :] + r * (kept[:, 2 * H :] + p["recurrent_bias"]))
        h = z * h + (1 - z) * n
        same(y_t, h)


def test_a_scale_of_the_recurrent_weights_is_no_matter_to_a_normed_cell():
    for kind in (NormLSTM, NormGRU):
        layer, _, x = made(kind)
        y, _ = layer(x)
        with torch.no_grad():
            layer.recurrent.weight.mul_(100)
        h = layer.initial_state(B)._replace(h=torch.randn(B, H, dtype=torch.float64))
        large, _ = layer(x, h)
        with torch.no_grad():
            layer.recurrent.weight.mul_(10)
        torch.testing.assert_close(layer(x, h)[0], large, rtol=1e-6, atol=1e-6)
        assert not torch.allclose(y, large)


def test_minimal_units_by_hand():
    layer, p, x = made(MinimalGatedUnit)
    h = np.zeros((B, H))
    for x_t, y_t in steps(layer, x):
        a_f, a_n = blocks(x_t @ p["input.weight"].T + p["input.bias"], 2)
        f = sigmoid(a_f + h @ p["write.weight"].T)
        h = (1 - f) * h + f * np.tanh(a_n + (f * h) @ p["new.weight"].T)
        same(y_t, h)
    layer, p, x = made(MinimalRNN)
    h = np.zeros((B, H))
    for x_t, y_t in steps(layer, x):
        z = np.tanh(x_t @ p["input.weight"].T + p["input.bias"])
        k = sigmoid(h @ p["recurrent.weight"].T + z @ p["keep.weight"].T + p["keep.bias"])
        h = k * h + (1 - k) * z
        same(y_t, h)


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
def test_the_projected_lstm_is_torchs():
    layer, _, x = made(ProjectedLSTM, memory_size=7)
    module = nn.LSTM(D, 7, proj_size=H, batch_first=True, dtype=torch.float64)
    assert layer.state_dict().keys() == module.state_dict().keys()
    module.load_state_dict(layer.state_dict())
    y, state = layer(x)
    expected, (h, c) = module(x)
    for found, other in ((y, expected), (state.h, h[0]), (state.c, c[0])):
        torch.testing.assert_close(found, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("skip", [2, 4, 9])
def test_skips_by_hand(skip):
    layer, p, x = made(SkipRNN, skip=skip)
    past = [np.zeros((B, H))] * skip
    for x_t, y_t in steps(layer, x):
        past.append(np.tanh(product(p, x_t, past[-1]) + past[-skip] @ p["across.weight"].T))
        same(y_t, past[-1])


def test_a_gradient_passes_a_skip_in_one_step():
    layer, _, x = made(SkipRNN, skip=4)
    with torch.no_grad():
        layer.recurrent.weight.zero_()
    x.requires_grad_()
    (reached,) = torch.autograd.grad(layer(x)[0][:, 5].sum(), x)
    assert [t for t in range(T) if reached[:, t].any()] == [1, 5]


def test_an_orthogonal_matrix_stays_one_whatever_is_learnt():
    layer, _, x = made(OrthogonalRNN)
    optimiser = torch.optim.SGD(layer.parameters(), lr=10.0)
    before = layer.rotation()
    layer(x)[0].square().sum().backward()
    optimiser.step()
    after = layer.rotation()
    assert not torch.allclose(before, after)
    torch.testing.assert_close(after @ after.T, torch.eye(H, dtype=torch.float64), rtol=0, atol=1e-12)
    assert float(torch.linalg.det(after.detach())) == pytest.approx(1.0)


@pytest.mark.parametrize("spread", [0.1, 3.0])
@pytest.mark.parametrize("width", [4, 31, 128])
def test_an_orthogonal_matrix_is_one_to_the_last_digit_in_single_precision(width: int, spread: float):
    """What torch.linalg.matrix_exp gives is up to 5e-6 off at a width of 4, 2e-5 at 128."""
    for seed in range(5):
        torch.manual_seed(seed)
        layer = OrthogonalRNN(input_size=D, hidden_size=width)
        with torch.no_grad():
            layer.entries.normal_(std=spread)
            rotation = layer.rotation()
        assert rotation.dtype == torch.float32
        off = rotation.double() @ rotation.double().T - torch.eye(width, dtype=torch.float64)
        assert float(off.abs().max()) < 1.5e-7


def test_an_orthogonal_rnn_without_input_keeps_lengths_and_gradients():
    layer, _, _ = made(OrthogonalRNN)
    with torch.no_grad():
        layer.bias.zero_()
        layer.input.bias.zero_()
    start = torch.randn(B, H, dtype=torch.float64, requires_grad=True)
    y, _ = layer(torch.zeros(B, 500, D, dtype=torch.float64), type(layer.initial_state(1))(start))
    torch.testing.assert_close(y.norm(dim=2), start.norm(dim=1, keepdim=True).expand(-1, 500), rtol=1e-9, atol=1e-9)
    (gradient,) = torch.autograd.grad(y[:, -1].sum(), start)
    torch.testing.assert_close(gradient.norm(dim=1), torch.full((B,), H**0.5, dtype=torch.float64))


def test_zoneout_keeps_its_share_of_units_each_step_and_its_mean_in_eval_mode():
    torch.manual_seed(0)
    layer = ZoneoutLSTM(input_size=D, hidden_size=200, zoneout=0.2, zoneout_memory=0.6)
    y, _ = layer(torch.randn(8, 30, D))
    kept = (y[:, 1:] == y[:, :-1]).float().mean(dim=(0, 2))
    assert 0.17 < kept.mean() < 0.23
    assert kept.std() < 0.05
    start = layer.eval().initial_state(8)._replace(c=torch.randn(8, 200), h=torch.randn(8, 200))
    plain = ZoneoutLSTM(input_size=D, hidden_size=200, **NOISELESS).eval()
    plain.load_state_dict(layer.state_dict())
    x = torch.randn(8, D)
    _, after = layer.step(x, start)
    _, new = plain.step(x, plain.initial_state(8)._replace(c=start.c, h=start.h))
    torch.testing.assert_close(after.c, 0.6 * start.c + 0.4 * new.c)
    torch.testing.assert_close(after.h, 0.2 * start.h + 0.8 * new.h)


def test_a_variational_mask_is_one_a_row_and_a_dropped_candidate_leaves_the_memory():
    torch.manual_seed(0)
    layer = ZoneoutLSTM(input_size=D, hidden_size=100, **NOISELESS, variational_dropout=0.5)
    state = layer.initial_state(2)._replace(h=torch.ones(2, 100))
    masks = [layer._product(state._replace(noise=state.noise.later(t))) for t in (0, 1, 7)]
    assert torch.equal(masks[0], masks[1])
    assert torch.equal(masks[0], masks[2])
    assert not torch.equal(masks[0][0], masks[0][1])
    dropping = ZoneoutLSTM(input_size=D, hidden_size=400, **NOISELESS, recurrent_dropout=0.3, forget_bias=100.0)
    state = dropping.initial_state(4)._replace(c=torch.randn(4, 400))
    _, after = dropping.step(torch.randn(4, D), state)
    assert 0.25 < (after.c == state.c).float().mean() < 0.35


def test_candidates_fall_out_of_long_sequences_as_of_steps():
    """Where the map of all steps is a large product, of another library and with gradients of its own."""
    torch.manual_seed(0)
    layer, x = ZoneoutLSTM(input_size=64, hidden_size=64, **NOISELESS, recurrent_dropout=0.4), torch.randn(8, 20, 64)
    state = layer.initial_state(8)
    assert not is_small(x, layer.input.weight)
    with dense_recurrence.FORMS.use("reference"):
        y, _ = layer(x, state)
    expected, _ = SequenceLayer._sequence(layer, x, state)
    torch.testing.assert_close(y, expected, rtol=1e-4, atol=1e-5)
    weights = tuple(layer.parameters())
    found, wanted = (torch.autograd.grad(outputs.square().sum(), weights) for outputs in (y, expected))
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-3)


def test_only_noise_makes_leaves_of_the_state():
    assert PeepholeLSTM(input_size=D, hidden_size=H).initial_state(B).noise == ()
    assert NormGRU(input_size=D, hidden_size=H, zoneout=0.1).initial_state(B).noise.steps.shape == (B,)
    with pytest.raises(ValueError, match="zoneout_memory must be at least 0 and below 1, got 1"):
        CoupledLSTM(input_size=D, hidden_size=H, zoneout_memory=1.0)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (NormLSTM, {"zoneout": 0.3, "zoneout_memory": 0.4, "variational_dropout": 0.3}),
        (NormGRU, {"zoneout": 0.3, "norm": "rms"}),
        (ZoneoutLSTM, {"recurrent_dropout": 0.3, "variational_dropout": 0.3}),
    ],
)
def test_keeps_the_laws_with_all_noise_at_once(kind, options):
    laws.check(kind(input_size=3, hidden_size=4, **options))
