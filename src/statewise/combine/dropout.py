"""Dropout whose noise is a function of row, step and unit, so that chunks draw what the whole would have drawn."""

from typing import NamedTuple

import torch
from torch import Tensor

from statewise.contract import Segments, SequenceLayer, Vectors
from statewise.ops.noise import dropout_mask


class DropoutState(NamedTuple):
    """What the noise of a row is a function of."""

    seed: Tensor
    """(B,) int64, drawn when the row began"""
    steps: Tensor
    """(B,) int64, steps since then"""


class Dropout(SequenceLayer):
    """y_t = m_t * x_t / (1 - rate), each m Bernoulli(1 - rate); in eval mode y_t = x_t.

    Source: Srivastava et al. 2014, section 4. With ``variational`` one mask serves all time steps of a sequence
    (Gal & Ghahramani 2016, eq. 7).

    Args:
        width: of input and output.
        rate: fraction dropped, in [0, 1).
        variational: whether the mask is drawn once a sequence.

    Raises:
        ValueError: if the rate is outside [0, 1).
    """

    def __init__(self, *, width: int, rate: float, variational: bool = False) -> None:
        if not 0 <= rate < 1:
            raise ValueError(f"rate must be at least 0 and below 1, got {rate}")
        super().__init__(Vectors(width), width)
        self.rate = rate
        self.variational = variational

    def initial_state(self, batch_size: int) -> DropoutState:
        seed = self.noise_seeds(batch_size)
        return DropoutState(seed, torch.zeros_like(seed))

    def step(self, x: Tensor, state: DropoutState) -> tuple[Tensor, DropoutState]:
        after = DropoutState(state.seed, state.steps + 1)
        if not self.training:
            return x, after
        drawn_at = torch.zeros_like(state.steps) if self.variational else state.steps
        return x * dropout_mask(state.seed, drawn_at, self.output_size, self.rate, x.dtype), after

    def _segments(self, x: Tensor, state: DropoutState, segments: Segments | None) -> tuple[Tensor, DropoutState]:
        if segments is not None:
            return self._anew(x, state, segments)
        time = x.shape[1]
        after = DropoutState(state.seed, state.steps + time)
        if not self.training:
            return x, after
        if self.variational:
            mask = dropout_mask(state.seed, torch.zeros_like(state.steps), self.output_size, self.rate, x.dtype)
            return x * mask.unsqueeze(1), after
        steps = state.steps.unsqueeze(1) + torch.arange(time, device=x.device)
        return x * dropout_mask(state.seed, steps, self.output_size, self.rate, x.dtype), after

    def _anew(self, x: Tensor, state: DropoutState, segments: Segments) -> tuple[Tensor, DropoutState]:
        """Each segment that begins anew has a seed of its own, drawn here, and counts its steps from 0."""
        seed = segments.told(state.seed, self.noise_seeds(segments.later))
        after = DropoutState(seed[:, -1].clone(), segments.counted(state.steps))
        if not self.training:
            return x, after
        steps = torch.arange(x.shape[1], device=x.device) - segments.begun(state.steps)
        drawn_at = torch.zeros_like(steps) if self.variational else steps
        return x * dropout_mask(seed, drawn_at, self.output_size, self.rate, x.dtype), after
