"""Where the clocks stand and what they let through, against Neil et al. 2016 by hand; open at every step, an LSTM."""

import copy
import math

import numpy as np
import pytest
import torch

from statewise import probe
from statewise.contract import SequenceLayer, Timed
from statewise.layers.recurrent.phased_lstm import PhasedLSTM, PhasedLSTMState

B, T, D, H = 3, 9, 3, 4
GEARS = pytest.mark.parametrize("run", [SequenceLayer.forward, SequenceLayer._sequence], ids=["whole", "steps"])


def example(**options) -> tuple[PhasedLSTM, Timed, PhasedLSTMState]:
    torch.manual_seed(0)
    layer = PhasedLSTM(input_size=D, hidden_size=H, **options).double()
    x = Timed(torch.randn(B, T, D).double(), torch.rand(B, T).double() * 3)
    state = PhasedLSTMState(torch.randn(B, H).double(), torch.randn(B, H).double(), 5 * torch.rand(B).double())
    return layer, x, state


@torch.no_grad()
def set_clocks(layer: PhasedLSTM, *, period: float, shift: float, open_ratio: float) -> None:
    """In float64, as the layer is by now."""
    layer.log_period.fill_(math.log(period))
    layer.shift.fill_(shift)
    layer.log_open_ratio.fill_(math.log(open_ratio))


@pytest.mark.parametrize(
    ("time", "expected"),
    [(2.0, 0.0), (2.5, 0.5), (3.0, 1.0), (3.5, 0.5), (4.5, 0.01 * 0.25), (11.0, 0.01 * 0.9), (22.5, 0.5), (1.0, 0.009)],
)
def test_the_time_gate_opens_closes_and_leaks(time, expected):
    """tau = 10, s = 2, r = 0.2: open from 2 to 4, fully at 3, and again every 10."""
    layer, _, _ = example(leak=0.01)
    set_clocks(layer, period=10.0, shift=2.0, open_ratio=0.2)
    with probe.recording(layer) as seen:
        layer(Timed(torch.zeros(1, 1, D).double(), torch.full((1, 1), time).double()))
    torch.testing.assert_close(seen[""]["time_gate"], torch.full((1, 1, H), expected).double(), rtol=1e-9, atol=1e-9)


@GEARS
def test_always_open_it_is_torchs_lstm(run):
    """tau = 1 and s = -r/2: at every whole time phi = r/2, where k = 1; the peepholes start at zero."""
    layer, x, state = example()
    set_clocks(layer, period=1.0, shift=-0.25, open_ratio=0.5)
    twin = torch.nn.LSTM(D, H, batch_first=True).double()
    weights = [layer.input_map.weight, layer.recurrent_map.weight, layer.input_map.bias, torch.zeros(4 * H)]
    twin.load_state_dict(dict(zip(twin.state_dict(), weights, strict=True)))
    x, state = x._replace(elapsed=torch.ones(B, T).double()), state._replace(time=torch.zeros(B).double())
    y, after = run(layer, x, state)
    expected, (h, c) = twin(x.values, (state.h.unsqueeze(0), state.c.unsqueeze(0)))
    for found, wanted in ((y, expected), (after.h, h[0]), (after.c, c[0])):
        torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)


@GEARS
def test_without_a_leak_closed_units_keep_memory_and_output(run):
    layer, x, state = example(leak=0.0)
    set_clocks(layer, period=100.0, shift=50.0, open_ratio=0.1)
    y, after = run(layer, x, state)
    assert torch.equal(after.c, state.c)
    assert torch.equal(y, state.h.unsqueeze(1).expand_as(y))
    torch.testing.assert_close(after.time, state.time + x.elapsed.sum(1))


@GEARS
def test_the_paper_by_hand(run):
    layer, x, state = example(shortest_period=1.0, longest_period=5.0, open_ratio=0.4, leak=0.05)
    torch.nn.init.normal_(layer.peepholes)
    own = {name: p.detach().numpy() for name, p in layer.named_parameters()}
    y, _ = run(layer, x, state)
    h, c, time = (leaf.numpy() for leaf in state)
    tau, r = np.exp(own["log_period"]), np.exp(own["log_open_ratio"])
    sigmoid = lambda a: 1 / (1 + np.exp(-a))  # noqa: E731
    for t in range(T):
        time = time + x.elapsed[:, t].numpy()
        phi = np.mod(time[:, None] - own["shift"], tau) / tau
        k = np.where(phi < r / 2, 2 * phi / r, np.where(phi < r, 2 - 2 * phi / r, 0.05 * phi))
        a = x.values[:, t].numpy() @ own["input_map.weight"].T + own["input_map.bias"]
        a_i, a_f, a_g, a_o = np.split(a + h @ own["recurrent_map.weight"].T, 4, axis=1)
        p_i, p_f, p_o = own["peepholes"]
        new = sigmoid(a_f + p_f * c) * c + sigmoid(a_i + p_i * c) * np.tanh(a_g)
        h = k * sigmoid(a_o + p_o * new) * np.tanh(new) + (1 - k) * h
        c = k * new + (1 - k) * c
        np.testing.assert_allclose(y[:, t].detach().numpy(), h, rtol=1e-10, atol=1e-12)


def test_a_step_in_two_halves_ends_at_the_same_time_of_the_clocks():
    layer, x, state = example()
    halves = Timed(x.values.repeat_interleave(2, 1), x.elapsed.repeat_interleave(2, 1) / 2)
    torch.testing.assert_close(layer(halves, state)[1].time, layer(x, state)[1].time)


def test_periods_start_uniform_in_their_logarithm():
    torch.manual_seed(0)
    layer = PhasedLSTM(input_size=D, hidden_size=300, shortest_period=2.0, longest_period=200.0)
    share = (layer.log_period.detach() - math.log(2)) / math.log(100)
    assert 0 <= float(share.min()) < 0.05 < 0.95 < float(share.max()) <= 1
    assert float(share.mean()) == pytest.approx(0.5, abs=0.06)
    where = layer.shift.detach() / layer.log_period.detach().exp()
    assert 0 <= float(where.min()) < float(where.max()) <= 1


def test_long_times_leave_the_clocks_as_precise_as_short_ones():
    """In float32 the time itself would be off by 0.06 after a million, a period of 1 by as much of its turn."""
    layer = PhasedLSTM(input_size=D, hidden_size=H, longest_period=1.0)
    x = Timed(torch.randn(B, T, D), torch.rand(B, T))
    early = layer.initial_state(B)
    late = early._replace(time=early.time + 1e6)
    torch.testing.assert_close(layer(x, late)[0], layer(x, early)[0], rtol=1e-4, atol=1e-5)


def test_steps_and_sequence_agree_in_single_precision():
    layer = PhasedLSTM(input_size=D, hidden_size=H)
    x = Timed(torch.randn(B, 200, D), torch.rand(B, 200))
    y, _ = layer(x)
    steps, _ = SequenceLayer._sequence(layer, x, layer.initial_state(B))
    torch.testing.assert_close(y, steps, rtol=1e-5, atol=1e-6)


def test_time_stays_precise_in_a_layer_of_bfloat16():
    layer = PhasedLSTM(input_size=D, hidden_size=H).bfloat16()
    _, state = layer(torch.zeros(1, 300, D, dtype=torch.bfloat16))
    assert state.time.item() == 300


@torch.no_grad()
def test_clocks_keep_their_time_under_autocast():
    """In a layer of bfloat16 they lose it."""
    torch.manual_seed(0)
    layer, x = PhasedLSTM(input_size=8, hidden_size=32), torch.randn(4, 300, 8)
    exact, _ = copy.deepcopy(layer).double()(x.double())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y, _ = layer(x)
    rounded, _ = copy.deepcopy(layer).bfloat16()(x.bfloat16())
    assert (y - exact).norm() < 0.02 * exact.norm()
    assert (rounded - exact).norm() > 0.1 * exact.norm()


@pytest.mark.parametrize(
    "options", [{"shortest_period": 0.0}, {"longest_period": 0.5}, {"open_ratio": 0.0}, {"leak": -0.1}]
)
def test_clocks_that_are_none_are_refused(options):
    with pytest.raises(ValueError, match="the clocks need"):
        PhasedLSTM(input_size=D, hidden_size=H, **options)


def test_a_time_that_is_not_a_number_ends_with_its_segment():
    torch.manual_seed(0)
    layer, x = PhasedLSTM(input_size=3, hidden_size=4).double(), torch.randn(2, 9, 3, dtype=torch.float64)
    elapsed, reset = torch.rand(2, 9, dtype=torch.float64), torch.zeros(2, 9, dtype=torch.bool)
    reset[0, 4] = reset[1, 0] = reset[1, 8] = True
    warm = layer(Timed(x, elapsed))[1]
    alone, after = layer(Timed(x[:1, 4:], elapsed[:1, 4:]))
    elapsed[0, 2] = float("nan")
    y, end = layer(Timed(x, elapsed), warm, reset=reset)
    torch.testing.assert_close(y[0, 4:], alone[0], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(end.time, torch.stack([after.time[0], elapsed[1, 8]]), rtol=1e-12, atol=1e-12)
