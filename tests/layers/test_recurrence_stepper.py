import pytest
import torch

from statewise import tree
from statewise.catalog import SEQUENCE_LAYERS
from statewise.contract import PlainStepper, SequenceLayer, Timed
from statewise.layers.in_place_stepper import InPlaceStepper
from statewise.layers.recurrent.cfc import CfC
from statewise.layers.recurrent.clockwork import ClockworkRNN
from statewise.layers.recurrent.ode_rnn import ODERNN
from statewise.layers.recurrent.phased_lstm import PhasedLSTM
from statewise.layers.recurrent.s_lstm import SLSTM
from statewise.layers.recurrent.zoneout_lstm import ZoneoutLSTM
from statewise.layers.reservoir.echo_state import EchoStateNetwork
from statewise.models.resolve import make_layer

WIDTH, HIDDEN = 5, 12
ENTRIES = (
    "phased-lstm", "cfc", "ode-rnn", "clockwork", "gru-reset-before", "lstm-projected", "lstm-layer-norm",
    "gru-rms-norm", "lstm-zoneout", "lstm-variational", "lstm-recurrent-dropout", "minimal-gated-unit", "minimal-rnn",
    "orthogonal-rnn", "slstm", "echo-state",
)  # fmt: skip
VARIANTS = {
    "a deep backbone": lambda: CfC(input_size=WIDTH, hidden_size=HIDDEN, backbone_size=7, backbone_layers=3),
    "the solution itself": lambda: CfC(input_size=WIDTH, hidden_size=HIDDEN, mode="pure"),
    "two steps of a solver": lambda: ODERNN(
        input_size=WIDTH, hidden_size=HIDDEN, field_size=7, solver="midpoint", solver_steps=2, longest_step=0.3
    ),
    "wide clocks": lambda: PhasedLSTM(input_size=WIDTH, hidden_size=HIDDEN, longest_period=5.0, open_ratio=0.9),
    "uneven clocks": lambda: ClockworkRNN(input_size=WIDTH, hidden_size=HIDDEN, periods=(1, 3, 7)),
    "heads": lambda: SLSTM(input_size=WIDTH, hidden_size=HIDDEN, heads=3),
    "a leaky reservoir": lambda: EchoStateNetwork(input_size=WIDTH, hidden_size=HIDDEN, leak_rate=0.3),
}


def made(name: str) -> SequenceLayer:
    """A layer in double precision and eval mode, whose parameters are all other than 0."""
    torch.manual_seed(0)
    sizes = {"input_size": WIDTH, "hidden_size": HIDDEN}
    layer = VARIANTS[name]() if name in VARIANTS else make_layer(SEQUENCE_LAYERS[name], sizes)
    for parameter in layer.parameters():
        parameter.data += 0.1 * torch.rand_like(parameter)
    return layer.double().eval()


def inputs(layer: SequenceLayer, rows: int, steps: int):
    """Of each step; with time stamps, some of them long, where the layer reads them."""
    values = torch.randn(steps, rows, WIDTH, dtype=torch.float64)
    if not layer.reads_time:
        return values.unbind()
    elapsed = 2 * torch.rand(steps, rows, dtype=torch.float64) ** 2
    return [Timed(*step) for step in zip(values, elapsed, strict=True)]


@torch.no_grad()
def walked(layer: SequenceLayer, steps, state):
    outputs = []
    for x in steps:
        y, state = layer.step(x, state)
        outputs.append(y)
    return torch.stack(outputs), state


@pytest.mark.parametrize("rows", [1, 9])
@pytest.mark.parametrize("name", [*ENTRIES, *VARIANTS])
def test_a_stream_from_a_warm_state_is_the_loop_over_step(name, rows):
    layer = made(name)
    _, warm = walked(layer, inputs(layer, rows, 3), layer.initial_state(rows))
    steps = inputs(layer, rows, 20)
    expected, final = walked(layer, steps, warm)
    stream = layer.stepper(warm)
    assert isinstance(stream, InPlaceStepper)
    torch.testing.assert_close(torch.stack([stream(x).clone() for x in steps]), expected, rtol=1e-11, atol=1e-11)
    torch.testing.assert_close(stream.state, final, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", ENTRIES)
def test_a_stream_goes_on_with_the_weights_and_the_state_that_it_began_with(name):
    layer = made(name)
    (x,) = inputs(layer, 3, 1)
    _, state = walked(layer, inputs(layer, 3, 2), layer.initial_state(3))
    (expected,), after = tree.map(torch.clone, walked(layer, [x], state))
    stream = layer.stepper(state)
    with torch.no_grad():
        for tensor in (*layer.parameters(), *layer.buffers(), *tree.leaves(state)):
            tensor.fill_(7)
    torch.testing.assert_close(stream(x), expected)
    torch.testing.assert_close(stream.state, after)


def test_noise_that_is_drawn_has_a_plain_stream():
    layer = ZoneoutLSTM(input_size=WIDTH, hidden_size=HIDDEN)
    assert isinstance(layer.stepper(layer.initial_state(2)), PlainStepper)


def test_time_stamps_are_1_where_there_are_none_and_one_a_row():
    layer = made("cfc")
    values, ones = torch.randn(2, WIDTH, dtype=torch.float64), torch.ones(2, requires_grad=True)
    bare, timed = (layer.stepper(layer.initial_state(2)) for _ in range(2))
    for _ in range(2):
        torch.testing.assert_close(bare(values).clone(), timed(Timed(values, ones)).clone())
    timed(Timed(values, 3 * ones))
    torch.testing.assert_close(timed(values).requires_grad, False)
    with pytest.raises(ValueError, match=r"elapsed must be \(2,\)"):
        timed(Timed(values, torch.ones(1)))


def test_after_time_stamps_a_step_without_one_takes_1():
    layer = made("phased-lstm")
    stream, values = layer.stepper(layer.initial_state(1)), torch.zeros(1, WIDTH, dtype=torch.float64)
    stream(Timed(values, torch.tensor([2.5])))
    stream(values)
    assert stream.state.time.tolist() == [3.5]


def test_a_stream_made_in_inference_mode_goes_on_outside():
    layer = made("cfc")
    with torch.inference_mode():
        stream = layer.stepper(layer.initial_state(2))
    assert stream(Timed(torch.zeros(2, WIDTH, dtype=torch.float64), torch.ones(2))).isfinite().all()
