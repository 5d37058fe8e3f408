"""Time scales of a linear recurrence at the start."""

import math

import torch
from torch import Tensor


def log_uniform(shape: tuple[int, ...], low: float, high: float) -> Tensor:
    """Time steps whose logarithm is uniform between those of ``low`` and ``high``.

    Raises:
        ValueError: unless ``0 < low <= high``.
    """
    if not 0 < low <= high:
        raise ValueError(f"the time steps need 0 < dt_min <= dt_max, got dt_min={low} and dt_max={high}")
    return torch.empty(shape).uniform_(math.log(low), math.log(high)).exp()


def inverse_softplus(y: Tensor) -> Tensor:
    """The number whose softplus is ``y > 0``: where a bias starts.

    >>> torch.nn.functional.softplus(inverse_softplus(torch.tensor([0.5, 3.0])))
    tensor([0.5000, 3.0000])
    """
    return y + (-torch.expm1(-y)).log()
