"""How many of torch's operations a whole sequence takes: where an operation does all steps, no more for longer ones."""

import pytest
import torch

from statewise.catalog import SEQUENCE_LAYERS
from statewise.contract import example_input
from statewise.models.resolve import make_layer
from statewise.ops.compiled.compiler import compiled_loops_serve

SHORT, LONG = 64, 128
FEW = 2
"""Operations a step below which time is cut into chunks at most"""
LOOPED = {
    "deep-equilibrium": "a solver looks at the state until it rests",
    "skip-rnn": "a few operations for every so many steps",
    "lmu": "the state is wider than the output",
}
"""Layers that step through a sequence by torch's operations, and why"""
NAMES = [name for name, entry in SEQUENCE_LAYERS.items() if entry.family != "memory"]
"""A memory is read and written step by step, always"""


def operations(name: str, time: int) -> int:
    entry = SEQUENCE_LAYERS[name]
    layer = make_layer(entry, {**entry.defaults, "input_size": 8, "hidden_size": 8}).eval()
    x, state = example_input(layer, 2, time, seed=0), layer.initial_state(2)
    with torch.autograd.profiler.profile() as seen:
        layer(x, state)
    return len(seen.function_events)


@pytest.mark.skipif(not compiled_loops_serve(torch.zeros(1)), reason="numba is not installed")
@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_longer_sequences_take_no_more_operations(name):
    torch.manual_seed(0)
    growth = operations(name, LONG) - operations(name, SHORT)
    assert (growth >= FEW * (LONG - SHORT)) == (name in LOOPED), f"{growth} operations for {LONG - SHORT} steps more"
