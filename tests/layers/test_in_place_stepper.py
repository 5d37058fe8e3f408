import pytest
import torch

from statewise.catalog import SEQUENCE_LAYERS
from statewise.contract import PlainStepper
from statewise.layers.in_place_stepper import InPlaceStepper
from statewise.layers.recurrent.ind_rnn import IndRNN
from statewise.layers.recurrent.quasi_rnn import QuasiRNN
from statewise.layers.recurrent.skip_rnn import SkipRNN
from statewise.layers.recurrent.sru import SRU
from statewise.layers.statespace.gated_delta_net import GatedDeltaNet
from statewise.layers.statespace.hyena import Hyena
from statewise.layers.statespace.lru import LRU
from statewise.layers.statespace.mamba import Mamba
from statewise.layers.statespace.mamba2 import Mamba2
from statewise.layers.statespace.min_gru import MinGRU
from statewise.layers.statespace.mlstm import MLSTM
from statewise.layers.statespace.rg_lru import RGLRU
from statewise.layers.statespace.rwkv import RWKV
from statewise.layers.statespace.s4 import S4
from statewise.layers.statespace.s4d import S4D
from statewise.layers.statespace.s5 import S5
from statewise.models.resolve import make_layer

WIDTH, HIDDEN = 5, 18
NAMES = (
    "min-gru",
    "min-lstm",
    "ind-rnn",
    "sru",
    "qrnn",
    "rg-lru",
    "lru",
    "s5",
    "s4d",
    "s4",
    "mamba",
    "lmu",
    "mlstm",
    "mamba-2",
    "gated-delta-net",
)
VARIANTS = {
    "tanh in bounds": lambda: IndRNN(input_size=WIDTH, hidden_size=HIDDEN, activation="tanh", longest_memory=8),
    "as wide as its input": lambda: SRU(input_size=WIDTH, hidden_size=WIDTH),
    "the same, rescaled": lambda: SRU(input_size=WIDTH, hidden_size=WIDTH, rescale=True),
    "a highway, rescaled": lambda: SRU(input_size=WIDTH, hidden_size=HIDDEN, highway_bias=-1.0, rescale=True),
    "one tap": lambda: QuasiRNN(input_size=WIDTH, hidden_size=HIDDEN, kernel_size=1, pooling="f"),
    "three taps": lambda: QuasiRNN(input_size=WIDTH, hidden_size=HIDDEN, kernel_size=3, pooling="ifo"),
    "a block with one tap": lambda: RGLRU(input_size=WIDTH, hidden_size=HIDDEN, kernel_size=1, state_size=7),
    "one eigenvalue": lambda: LRU(input_size=WIDTH, hidden_size=HIDDEN, state_size=1),
    "many eigenvalues": lambda: LRU(input_size=WIDTH, hidden_size=HIDDEN, state_size=70),
    "three pairs": lambda: S5(input_size=WIDTH, hidden_size=HIDDEN, conjugate_pairs=3),
    "many channels": lambda: S4D(input_size=WIDTH, hidden_size=HIDDEN, conjugate_pairs=9),
    "many channels of rank one": lambda: S4(input_size=WIDTH, hidden_size=HIDDEN, conjugate_pairs=9),
    "four heads": lambda: MLSTM(input_size=WIDTH, hidden_size=16, heads=4),
    "six heads": lambda: RWKV(input_size=WIDTH, hidden_size=HIDDEN, heads=6, mix_rank=2, decay_rank=3),
    "a context of one": lambda: Hyena(input_size=WIDTH, hidden_size=HIDDEN, context_length=1),
    "three orders": lambda: Hyena(input_size=WIDTH, hidden_size=HIDDEN, context_length=9, order=3),
    "a skip of two": lambda: SkipRNN(input_size=WIDTH, hidden_size=HIDDEN, skip=2),
    "three heads": lambda: Mamba2(input_size=WIDTH, hidden_size=HIDDEN, heads=3, state_size=5, kernel_size=1),
    "one head": lambda: GatedDeltaNet(input_size=WIDTH, hidden_size=HIDDEN, heads=1, expand=1, kernel_size=2),
    "a narrow block": lambda: Mamba(input_size=WIDTH, hidden_size=HIDDEN, state_size=3, kernel_size=1, expand=1),
}


def made(name: str):
    """A layer in double precision, whose parameters are all other than 0."""
    torch.manual_seed(0)
    layer = (
        VARIANTS[name]()
        if name in VARIANTS
        else make_layer(SEQUENCE_LAYERS[name], {"input_size": WIDTH, "hidden_size": HIDDEN})
    )
    for parameter in layer.parameters():
        parameter.data += 0.1 * torch.rand_like(parameter)
    return layer.double()


@torch.no_grad()
def stays_with_the_sequence(layer, rows: int, dtype: torch.dtype, tolerance: float) -> None:
    """From a warm state on, over many steps."""
    layer = layer.to(dtype)
    x = torch.randn(rows, 60, WIDTH, dtype=dtype)
    _, warm = layer(torch.randn(rows, 7, WIDTH, dtype=dtype))
    expected, final = layer(x, warm)
    stream = layer.stepper(warm)
    assert isinstance(stream, InPlaceStepper)
    found = torch.stack([stream(x_t).clone() for x_t in x.unbind(1)], dim=1)
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(stream.state, final, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("rows", [1, 9])
@pytest.mark.parametrize("name", [*NAMES, *VARIANTS])
def test_a_long_stream_stays_with_the_sequence(name, rows):
    stays_with_the_sequence(made(name), rows, torch.float64, 1e-11)


@pytest.mark.parametrize("name", ["min-gru", "sru", "rg-lru", "s5"])
def test_it_does_in_single_precision(name):
    stays_with_the_sequence(made(name), 3, torch.float32, 1e-5)


def test_a_layer_of_two_precisions_has_a_plain_stream():
    layer = MinGRU(input_size=WIDTH, hidden_size=HIDDEN)
    layer.input.bias = torch.nn.Parameter(layer.input.bias.detach().double())
    assert isinstance(layer.stepper(layer.initial_state(2)), PlainStepper)


def test_noise_that_is_drawn_anew_at_every_step_has_a_plain_stream():
    layer = QuasiRNN(input_size=WIDTH, hidden_size=HIDDEN, zoneout=0.5)
    assert isinstance(layer.stepper(layer.initial_state(2)), PlainStepper)


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_goes_on_with_the_weights_and_the_state_that_it_began_with(name):
    layer, x = made(name), torch.randn(3, WIDTH, dtype=torch.float64)
    state = layer(torch.randn(3, 4, WIDTH, dtype=torch.float64))[1]
    expected = layer.step(x, state)[0].detach()
    stream = layer.stepper(state)
    with torch.no_grad():
        for tensor in (*layer.parameters(), *state):
            if isinstance(tensor, torch.Tensor):
                tensor.fill_(7.0)
    torch.testing.assert_close(stream(x), expected)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_number_stays_in_its_row(name):
    layer, x = made(name), torch.randn(9, 4, WIDTH, dtype=torch.float64)
    clean = layer.stepper(layer.initial_state(9))
    poisoned = layer.stepper(layer.initial_state(9))
    spoilt = x.clone()
    spoilt[4, 1] = float("nan")
    others = torch.arange(9) != 4
    for x_t, spoilt_t in zip(x.unbind(1), spoilt.unbind(1), strict=True):
        expected, found = clean(x_t), poisoned(spoilt_t)
        torch.testing.assert_close(found[others], expected[others])
    assert found[4].isnan().any()


def test_inputs_may_lie_anyhow_and_ask_for_gradients():
    layer = made("min-gru")
    stream, again = (layer.stepper(layer.initial_state(2)) for _ in range(2))
    x = torch.randn(WIDTH, 2, dtype=torch.float64).t().requires_grad_()
    y = stream(x)
    assert not y.requires_grad
    torch.testing.assert_close(y, again(x.detach().contiguous()))


def test_a_stream_made_in_inference_mode_goes_on_outside():
    layer, x = made("lru"), torch.randn(2, WIDTH, dtype=torch.float64)
    with torch.inference_mode():
        stream = layer.stepper(layer.initial_state(2))
        first = stream(x).clone()
    torch.testing.assert_close(layer.stepper(layer.initial_state(2))(x), first)
    assert stream(x).isfinite().all()


def test_an_input_of_another_form_is_refused():
    layer = made("min-gru")
    stream = layer.stepper(layer.initial_state(2))
    with pytest.raises(ValueError, match=r"reads torch.float64 \(2, 5\), got torch.float64 \(1, 5\); pass a row"):
        stream(torch.zeros(1, WIDTH, dtype=torch.float64))
    with pytest.raises(ValueError, match=r"got torch\.float32 \(2, 5\); pass x\.to\(torch\.float64\)"):
        stream(torch.zeros(2, WIDTH))
