"""The loop over time, for what no faster form covers."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def unroll(step: Callable[[Tensor, Any], tuple[Tensor, Any]], x: Tensor, state: Any) -> tuple[Tensor, Any]:
    """``y_t, state = step(x_t, state)`` from the first step to the last.

    Args:
        step: one time step; whatever of it does not look at the state is done faster before, for all steps at once.
        x: ``(B, T, ...)``, T >= 1.
        state: before the first step, anything that ``step`` takes.

    Returns:
        All outputs ``(B, T, ...)`` and the state after the last step.

    >>> unroll(lambda x, h: (h + x, h + x), torch.ones(1, 3), torch.zeros(1))
    (tensor([[1., 2., 3.]]), tensor([3.]))
    """
    outputs = []
    for x_t in x.unbind(1):
        y, state = step(x_t, state)
        outputs.append(y)
    return torch.stack(outputs, dim=1), state
