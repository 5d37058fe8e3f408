"""Parameters that hold the time scales of a linear recurrence."""

import math

import torch
from torch import Tensor, nn


def log_uniform(shape: tuple[int, ...], low: float, high: float) -> Tensor:
    """Time steps whose logarithm is uniform between those of ``low`` and ``high``.

    Raises:
        ValueError: unless ``0 < low <= high``.
    """
    if not 0 < low <= high:
        raise ValueError(f"the time steps need 0 < dt_min <= dt_max, got dt_min={low} and dt_max={high}")
    return torch.empty(shape).uniform_(math.log(low), math.log(high)).exp()


def dynamics(initial: Tensor) -> nn.Parameter:
    """A parameter of the dynamics, exempt from weight decay: its zero is one time scale among many, not simplicity."""
    parameter = nn.Parameter(initial)
    parameter._no_weight_decay = True  # type: ignore[attr-defined]
    return parameter
