"""Every layer of the catalog: how it is served in parallel, or why not; the loop's own outputs and gradients."""

from typing import get_args

import pytest
import torch
from torch import Tensor

from statewise import tree
from statewise.catalog import SEQUENCE_LAYERS
from statewise.contract import SequenceLayer, example_input
from statewise.models.resolve import make_layer
from statewise.parallel.newton import ParallelRun, newton_in_time
from statewise.parallel.transition import Structure
from statewise.tree import State

EMPTY = "its state holds no real numbers"
SERVED: dict[str, tuple[str | int, str | int]] = {
    "rnn": ("full", "full"),
    "irnn": ("full", "full"),
    "lstm": ("full", "full"),
    "phased-lstm": ("full", "full"),
    "cfc": ("full", "full"),
    "ode-rnn": ("full", "full"),
    "deep-equilibrium": ("full", "full"),
    "clockwork": ("full", "full"),
    "gru": ("full", "full"),
    "gru-reset-before": ("full", "full"),
    "lstm-peephole": ("full", "full"),
    "lstm-coupled": ("full", "full"),
    "lstm-projected": ("full", 96),
    "lstm-layer-norm": ("full", "full"),
    "lstm-rms-norm": ("full", "full"),
    "gru-layer-norm": ("full", "full"),
    "gru-rms-norm": ("full", "full"),
    "lstm-zoneout": ("full", "full"),
    "lstm-variational": ("full", "full"),
    "lstm-recurrent-dropout": ("full", "full"),
    "minimal-gated-unit": ("full", "full"),
    "minimal-rnn": ("full", "full"),
    "orthogonal-rnn": ("full", "full"),
    "skip-rnn": ("full", 96),
    "ind-rnn": ("diagonal", "diagonal"),
    "sru": ("diagonal", "diagonal"),
    "qrnn": ("full", "full"),
    "slstm": ("full", 128),
    "min-lstm": ("diagonal", "diagonal"),
    "min-gru": ("diagonal", "diagonal"),
    "lru": ("pairs", "pairs"),
    "s4": ("full", 128),
    "rg-lru": ("full", "full"),
    "s4d": ("pairs", "pairs"),
    "lmu": ("full", "full"),
    "s5": ("pairs", "pairs"),
    "mamba": (152, 1216),
    "mamba-2": (94, 542),
    "gated-delta-net": ("full", 1408),
    "rwkv": ("full", 544),
    "hyena": ("full", 448),
    "mlstm": ("full", 546),
    "attention": ("full", 256),
    "attention-none": ("full", 256),
    "attention-sinusoidal": ("full", 256),
    "attention-alibi": ("full", 256),
    "attention-learned": ("full", 256),
    "tcn": ("full", 256),
    "window-mlp": ("full", 96),
    "echo-state": ("full", "full"),
    "feedforward": (EMPTY, EMPTY),
    "ntm": ("full", "full"),
    "ntm-lstm": ("full", 111),
}
"""Name -> how the Jacobian is taken, in the small example and where input and layer are 32 wide; or how wide a state is
that would have to be taken in full and is too wide; or another reason"""


def made(name: str, *, width: int | None = None) -> SequenceLayer:
    """The layer, its weights a little beside where they start: identities and zeros hide what depends on what."""
    torch.manual_seed(0)
    entry = SEQUENCE_LAYERS[name]
    sizes = {} if width is None else {"input_size": width, "hidden_size": width}
    layer = make_layer(entry, {**entry.small, **sizes})
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    return layer


def assert_served(run: ParallelRun, how: str | int) -> None:
    """As the table says, or left to the layer for the reason that it gives."""
    if how in get_args(Structure):
        assert (run.jacobian, run.fallback) == (how, None)
    else:
        reason = how if isinstance(how, str) else f"its state is {how} numbers wide, more than 64"
        assert run.jacobian is None
        assert run.fallback is not None
        assert reason in run.fallback


def test_the_table_is_of_the_whole_catalog() -> None:
    assert list(SERVED) == list(SEQUENCE_LAYERS)


@pytest.mark.parametrize("name", SERVED)
def test_a_small_one_is_the_loop_from_a_warm_state_with_its_gradients(name: str) -> None:
    layer = made(name).double().eval()
    x = tree.map(lambda leaf: leaf.requires_grad_(leaf.is_floating_point()), example_input(layer, batch=2, time=32))
    warm = tree.detach(layer(example_input(layer, batch=2, time=3, seed=1))[1])
    warm = tree.map(lambda leaf: leaf.requires_grad_(leaf.is_floating_point()), warm)
    leaves = [leaf for leaf in (*tree.leaves((x, warm)), *layer.parameters()) if leaf.requires_grad]

    def gradients(outputs: Tensor, state: State) -> tuple[Tensor, ...]:
        waves = torch.linspace(0, 7, outputs.numel(), dtype=outputs.dtype).sin().view_as(outputs)
        ends = [leaf.square().mean() for leaf in tree.leaves(state) if leaf.requires_grad]
        return torch.autograd.grad((outputs * waves).mean() + sum(ends), leaves, materialize_grads=True)

    run = newton_in_time(layer, x, warm)
    assert_served(run, SERVED[name][0])
    y, after = SequenceLayer._sequence(layer, x, warm)
    torch.testing.assert_close(run.outputs, y, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(tree.leaves(run.state), tree.leaves(after), rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(gradients(run.outputs, run.state), gradients(y, after), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", SERVED)
@torch.no_grad()
def test_one_of_32_units_is_served_in_single_precision_or_says_why_not(name: str) -> None:
    layer = made(name, width=32).eval()
    x = example_input(layer, batch=2, time=32)
    run = newton_in_time(layer, x)
    assert_served(run, SERVED[name][1])
    if run.fallback is None:
        y, _ = SequenceLayer._sequence(layer, x, layer.initial_state(2))
        torch.testing.assert_close(run.outputs, y, rtol=1e-5, atol=2e-5)
