"""The loop over time, for what no faster form covers."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from statewise import tree
from statewise.contract.segments import Segments, segment_by_segment


def unroll(
    step: Callable[[Tensor, Any], tuple[Tensor, Any]], x: Tensor, state: Any, segments: Segments | None = None
) -> tuple[Tensor, Any]:
    """``y_t, state = step(x_t, state)`` from the first step to the last.

    Args:
        step: one time step; whatever of it does not look at the state is done faster before, for all steps at once.
        x: ``(B, T, ...)``, T >= 1.
        state: before the first step, a tree of tensors ``(B, ...)``.
        segments: that begin anew, from zeros, inside the rows.

    Returns:
        All outputs ``(B, T, ...)`` and the state after the last step.

    >>> unroll(lambda x, h: (h + x, h + x), torch.ones(1, 3), torch.zeros(1))
    (tensor([[1., 2., 3.]]), tensor([3.]))
    """
    if segments is not None and not segments.few:
        return segment_by_segment(partial(unroll, step), x, state, segments)
    outputs = []
    for t, x_t in enumerate(x.unbind(1)):
        if segments is not None and segments.marks[:, t].any():
            state = tree.map(partial(_emptied, segments.anew[:, t]), state)
        y, state = step(x_t, state)
        outputs.append(y)
    return torch.stack(outputs, dim=1), state


def _emptied(rows: Tensor, leaf: Tensor) -> Tensor:
    return leaf.masked_fill(rows.view(-1, *[1] * (leaf.dim() - 1)), 0)
