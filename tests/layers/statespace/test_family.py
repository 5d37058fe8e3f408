"""What holds for every layer of the family: the laws, precision over long sequences, exemption from weight decay."""

import copy

import pytest
import torch

from statewise import laws, tree
from statewise.contract import SequenceLayer
from statewise.layers.statespace.gated_delta_net import GatedDeltaNet
from statewise.layers.statespace.lmu import LMU
from statewise.layers.statespace.lru import LRU
from statewise.layers.statespace.mamba import Mamba
from statewise.layers.statespace.mamba2 import Mamba2
from statewise.layers.statespace.min_gru import MinGRU
from statewise.layers.statespace.min_lstm import MinLSTM
from statewise.layers.statespace.mlstm import MLSTM
from statewise.layers.statespace.rg_lru import RGLRU
from statewise.layers.statespace.rwkv import RWKV
from statewise.layers.statespace.s4 import S4
from statewise.layers.statespace.s4d import S4D
from statewise.layers.statespace.s5 import S5

LAYERS = {
    "min_gru": lambda: MinGRU(input_size=3, hidden_size=4),
    "min_lstm": lambda: MinLSTM(input_size=3, hidden_size=4),
    "lru": lambda: LRU(input_size=3, hidden_size=4, state_size=6),
    "rg_lru": lambda: RGLRU(input_size=3, hidden_size=4, state_size=6),
    "s4d_lin": lambda: S4D(input_size=3, hidden_size=4, conjugate_pairs=4),
    "s4d_inv": lambda: S4D(input_size=3, hidden_size=4, conjugate_pairs=4, eigenvalues="inv"),
    "s4d_legs": lambda: S4D(input_size=3, hidden_size=4, conjugate_pairs=4, eigenvalues="legs"),
    "lmu": lambda: LMU(input_size=3, hidden_size=4, order=6, window=5.5),
    "s4": lambda: S4(input_size=3, hidden_size=4, conjugate_pairs=4),
    "s5": lambda: S5(input_size=3, hidden_size=4, conjugate_pairs=6),
    "mamba": lambda: Mamba(input_size=3, hidden_size=4),
    "mamba2": lambda: Mamba2(input_size=3, hidden_size=4, state_size=5),
    "gated_delta_net": lambda: GatedDeltaNet(input_size=3, hidden_size=4),
    "rwkv": lambda: RWKV(input_size=3, hidden_size=4),
    "mlstm": lambda: MLSTM(input_size=3, hidden_size=4),
}

DYNAMICS = {
    "min_gru": set(),
    "min_lstm": set(),
    "lru": {"nu", "theta", "log_gamma"},
    "rg_lru": {"Lambda"},
    "s4d_lin": {"log_dt", "log_decay", "frequency"},
    "s4d_inv": {"log_dt", "log_decay", "frequency"},
    "s4d_legs": {"log_dt", "log_decay", "frequency"},
    "lmu": set(),
    "s4": {"log_dt", "log_decay", "frequency", "low_rank", "drive"},
    "s5": {"log_dt", "log_decay", "frequency"},
    "mamba": {"dt_proj.bias", "A_log", "D"},
    "mamba2": {"dt_bias", "A_log", "D"},
    "gated_delta_net": {"dt_bias", "A_log"},
    "rwkv": {"decay_bias", "bonus", "mix_base", "mix"},
    "mlstm": set(),
}


@pytest.fixture(params=LAYERS)
def name(request) -> str:
    return request.param


@pytest.fixture
def layer(name) -> SequenceLayer:
    torch.manual_seed(0)
    return LAYERS[name]()


def test_keeps_the_laws(layer):
    laws.check(layer)


def test_a_long_sequence_in_float32_stays_near_float64(layer):
    x = torch.randn(2, 1500, 3)
    with torch.no_grad():
        y, state = layer(x)
        exact, exact_state = copy.deepcopy(layer).double()(x.double())
    torch.testing.assert_close(y.double(), exact, rtol=1e-5, atol=2e-4)
    for leaf, exact_leaf in zip(tree.leaves(state), tree.leaves(exact_state), strict=True):
        torch.testing.assert_close(leaf.double(), exact_leaf, rtol=0, atol=2e-3)


def test_extreme_inputs_stay_finite_and_so_do_gradients(layer):
    x = (1e3 * torch.randn(2, 200, 3)).requires_grad_()
    y, _ = layer(x)
    y.mean().backward()
    assert bool(y.isfinite().all())
    assert bool(x.grad.isfinite().all())
    assert all(bool(p.grad.isfinite().all()) for p in layer.parameters())


@pytest.mark.parametrize("time", [1, 300])
def test_the_recurrence_is_not_rounded_under_autocast(layer, time):
    """Projections may round to bfloat16 once; a rounded state would be off by as much at every one of 300 steps."""
    x = torch.randn(2, time, 3)
    with torch.no_grad():
        expected, _ = layer(x)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y, state = layer(x)
    assert {leaf.dtype for leaf in tree.leaves(state)} == {torch.float32}
    assert (y.float() - expected).abs().max() < 0.03 * (1 + expected.abs().max())


def test_a_bfloat16_layer_keeps_its_recurrent_state_in_float32(layer):
    layer = layer.bfloat16()
    y, state = layer(torch.randn(2, 100, 3, dtype=torch.bfloat16))
    assert y.dtype == torch.bfloat16
    assert bool(y.isfinite().all())
    assert state[-1].dtype == torch.float32


def test_the_final_state_holds_no_more_memory_than_itself(layer):
    _, state = layer(torch.randn(2, 100, 3))
    for leaf in tree.leaves(state):
        assert leaf.untyped_storage().nbytes() == leaf.numel() * leaf.element_size()


def test_parameters_of_the_dynamics_are_exempt_from_weight_decay(name, layer):
    assert set(layer.undecayed) == DYNAMICS[name]
    assert set(layer.undecayed) <= {key for key, _ in layer.named_parameters()}


@pytest.mark.parametrize("kind", [LRU, S4, S4D, S5, Mamba, Mamba2])
def test_the_state_grows_in_step_with_its_knob(kind: type[SequenceLayer]):
    sizes = [tree.nbytes(kind(input_size=3, hidden_size=4, **{kind.state_knob: n}).initial_state(1)) for n in (1, 5, 8)]
    assert sizes[2] - sizes[1] == 3 * (sizes[1] - sizes[0]) // 4 > 0


@pytest.mark.parametrize("layer", [S4D, S5])
def test_a_slow_system_is_sampled_to_the_last_digits_of_float32(layer):
    torch.manual_seed(0)
    slow = layer(input_size=3, hidden_size=4, conjugate_pairs=8, dt_min=1e-5, dt_max=1e-4)
    exact = copy.deepcopy(slow).double()
    for sampled, truth in zip(slow._sampled(), exact._sampled(), strict=True):
        torch.testing.assert_close(sampled.to(truth.dtype), truth, rtol=2e-6, atol=0.0)


@pytest.mark.parametrize(("layer", "off"), [(S4, 3e-6), (S4D, 3e-6), (S5, 2e-5), (LRU, 1e-6)])
def test_in_float32_both_gears_agree_over_a_long_constant_input(layer, off):
    """What slow states gather of it magnifies how an eigenvalue or a step is rounded."""
    torch.manual_seed(0)
    single, x = layer(input_size=16, hidden_size=16), torch.randn(1, 1, 16).expand(1, 2000, 16)
    with torch.no_grad():
        y, _ = single(x)
        exact, _ = copy.deepcopy(single).double()(x.double())
        state, steps = single.initial_state(1), []
        for x_t in x.unbind(1):
            y_t, state = single.step(x_t, state)
            steps.append(y_t)
    assert (torch.stack(steps, dim=1) - y).norm() < 1e-5 * y.norm()
    assert (y - exact).norm() < off * exact.norm()
