import gc

import pytest
import torch

from statewise.catalog import SEQUENCE_LAYERS
from statewise.models.resolve import make_layer

numba_dispatcher = pytest.importorskip("numba.core.dispatcher")
SHAPES = ((3, 9), (1, 7), (4, 1), (1, 1), (40, 2))
LAYERS = ("gru", "lstm-peephole", "minimal-gated-unit", "min-gru", "lru", "qrnn", "mamba", "s4", "s4d", "tcn")


def compiled() -> dict[int, tuple[str, int]]:
    """Every loop that there is: its name, and for how many kinds of arguments it was compiled."""
    loops = [loop for loop in gc.get_objects() if issubclass(type(loop), numba_dispatcher.Dispatcher)]
    return {id(loop): (loop.py_func.__qualname__, len(loop.signatures)) for loop in loops}


def work(layer: torch.nn.Module, rows: int, time: int) -> None:
    """Forward and back, with resets and without, and forward alone."""
    x = torch.randn(rows, time, 8, requires_grad=True)
    for reset in (None, torch.rand(rows, time) < 0.3):
        layer(x, reset=reset)[0].sum().backward()
        with torch.no_grad():
            layer(x, reset=reset)


@pytest.mark.parametrize("name", LAYERS)
def test_other_numbers_of_rows_and_steps_compile_nothing_anew(name):
    layer = make_layer(SEQUENCE_LAYERS[name], {"input_size": 8, "hidden_size": 8})
    work(layer, 5, 40)
    before = compiled()
    assert before
    for rows, time in SHAPES:
        work(layer, rows, time)
        assert compiled() == before, f"at {rows} rows of {time} steps"
