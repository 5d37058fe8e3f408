"""Right-padded batches: every row's state and outputs at its own end."""

import torch
from torch import Tensor

from statewise import tree
from statewise.contract import Input, SequenceLayer, check_lengths, values_of, weights_held
from statewise.tree import State


def run_ragged(layer: SequenceLayer, x: Input, lengths: Tensor, state: State | None = None) -> tuple[Tensor, State]:
    """Run ``layer`` over rows of different lengths.

    The batch is cut at the distinct lengths and finished rows are dropped, so that no row's state sees padding and no
    time is spent on it.

    Args:
        layer: any sequence layer.
        x: ``(B, T, d_in)`` (or tokens ``(B, T)``), right-padded; what stands in the padding does not matter.
        lengths: ``(B,)`` absolute integers between 0 and T.
        state: where the rows stand; ``None`` is the initial state.

    Returns:
        Outputs ``(B, T, d_out)``, zero at padded positions, and each row's state after its last step.

    >>> from statewise.combine.dropout import Dropout
    >>> y, state = run_ragged(Dropout(width=1, rate=0.5).eval(), torch.ones(2, 3, 1), torch.tensor([1, 3]))
    >>> y[..., 0].tolist(), state.steps.tolist()
    ([[1.0, 0.0, 0.0], [1.0, 1.0, 1.0]], [1, 3])
    """
    batch, time = values_of(x).shape[:2]
    check_lengths(lengths, batch, time)
    state = layer.initial_state(batch) if state is None else state
    outputs = []
    start = 0
    with weights_held():
        for end in sorted({*lengths.tolist(), time} - {0}):
            alive = (lengths > start).nonzero().flatten()
            y, after = layer(_part(x, alive, start, end), tree.take(state, alive))
            state = tree.put(state, alive, after)
            outputs.append(y.new_zeros(batch, end - start, layer.output_size).index_put((alive,), y))
            start = end
    if not outputs:
        return layer(x, state)
    return torch.cat(outputs, dim=1), state


def _part(x: Input, rows: Tensor, start: int, end: int) -> Input:
    return tree.map(lambda leaf: leaf[rows, start:end], x)
