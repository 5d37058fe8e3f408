"""Noise inside a recurrence: zoneout, variational dropout, recurrent dropout.

    h_t = k_t * h_{t-1} + (1 - k_t) * h'_t,  likewise c_t     zoneout (Krueger et al. 2017, eq. 6)
    u_t = U (d * h_{t-1})                                     variational dropout (Gal & Ghahramani 2016, eq. 7)

In training k is 1 with the probability ``zoneout`` (of c ``zoneout_memory``), for each unit and step anew; d is 0 with
the probability ``variational_dropout``, else 1 / (1 - that), one mask a row for the whole sequence. In eval mode k is
its mean and d is 1. What is drawn is a function of the row's seed, the step and the unit, so that no chunking shows.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

import torch
from torch import Tensor

from statewise.contract import Segments
from statewise.ops.noise import dropout_mask, events

ZONEOUT, VARIATIONAL, CANDIDATE = range(3)
"""Streams of ``ops.noise``"""


class NoiseState(NamedTuple):
    """What the noise of a row is a function of."""

    seed: Tensor
    """(B,) int64, drawn when the row began"""
    steps: Tensor
    """(B,) int64, steps since then; throughout T steps to come, both are (B, T)"""

    def later(self, steps: int) -> "NoiseState":
        """After so many steps more."""
        return NoiseState(self.seed, self.steps + steps)

    def throughout(
        self, time: int, segments: Segments | None, draw: Callable[[int], Tensor]
    ) -> tuple["NoiseState", "NoiseState"]:
        """At each of the T steps to come, and after them; ``draw`` makes seeds for the segments that begin anew."""
        passed = torch.arange(time, device=self.steps.device)
        if segments is None:
            return NoiseState(self.seed, self.steps.unsqueeze(1) + passed), self.later(time)
        seed = segments.told(self.seed, draw(segments.later))
        after = NoiseState(seed[:, -1].clone(), segments.counted(self.steps))
        return NoiseState(seed, passed - segments.begun(self.steps)), after


@dataclass(frozen=True)
class Noise:
    """How much of each.

    Raises:
        ValueError: if a rate is outside [0, 1).
    """

    zoneout: float = 0.0
    """Share of h that is kept"""
    zoneout_memory: float = 0.0
    """Share of c that is kept"""
    variational_dropout: float = 0.0
    """Share of h that the product does not see"""
    recurrent_dropout: float = 0.0
    """Share of the candidate that is not written (Semeniuta, Severyn & Barth 2016, eq. 14)"""

    def __post_init__(self) -> None:
        for rate in fields(self):
            if not 0 <= getattr(self, rate.name) < 1:
                raise ValueError(f"{rate.name} must be at least 0 and below 1, got {getattr(self, rate.name)}")

    @property
    def anywhere(self) -> bool:
        """Whether any rate is above 0."""
        return any(getattr(self, rate.name) for rate in fields(self))


def kept_shares(rates: Sequence[float], width: int, noise: NoiseState, dtype: torch.dtype) -> Tensor:
    """k in training: ``(..., len(rates), width)`` of 0 and 1, for steps ``(B,)`` or ``(B, T)``."""
    return events(noise.seed, noise.steps, rates, width, dtype, stream=ZONEOUT)


def variational_mask(rate: float, width: int, noise: NoiseState, dtype: torch.dtype) -> Tensor:
    """d in training: ``(B, width)``."""
    return dropout_mask(noise.seed, torch.zeros_like(noise.steps), width, rate, dtype, stream=VARIATIONAL)


def candidate_mask(rate: float, width: int, noise: NoiseState, dtype: torch.dtype) -> Tensor:
    """What a candidate is multiplied with in training: ``(..., width)`` for steps ``(B,)`` or ``(B, T)``."""
    return dropout_mask(noise.seed, noise.steps, width, rate, dtype, stream=CANDIDATE)


def shut_gates(rate: float, width: int, noise: NoiseState, dtype: torch.dtype) -> Tensor:
    """The same for gates before they are squashed: minus infinity where a candidate falls out, 0 elsewhere."""
    shut = events(noise.seed, noise.steps, (rate,), width, dtype, stream=CANDIDATE, values=(-math.inf, 0.0))
    return shut.squeeze(-2)
