"""Noise as a function of (row seed, step, unit): how a sequence is cut or a batch made up does not matter.

The mixing is the finaliser of SplitMix64 (Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators",
figure 14) in wrapping int64 arithmetic.
"""

import torch
from torch import Tensor

GOLDEN = -7046029254386353131  # 0x9E3779B97F4A7C15 as int64


def _shift_right(x: Tensor, bits: int) -> Tensor:
    """Unsigned right shift of int64."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def mix(x: Tensor) -> Tensor:
    """A bijection of int64 whose output looks random even for consecutive inputs."""
    x = x + GOLDEN
    x = (x ^ _shift_right(x, 30)) * -4658895280553007687  # 0xBF58476D1CE4E5B9
    x = (x ^ _shift_right(x, 27)) * -7723592293110705685  # 0x94D049BB133111EB
    return x ^ _shift_right(x, 31)


def uniform(seed: Tensor, step: Tensor, units: int, dtype: torch.dtype) -> Tensor:
    """Numbers uniform in (0, 1), one for each row, step and unit.

    Args:
        seed: ``(B,)`` int64, one a row.
        step: ``(B,)`` or ``(B, T)`` int64.
        units: how many numbers a row and step.
        dtype: of the result; the numbers are multiples of 2^-24, exact in float32.

    Returns:
        ``(B, units)`` or ``(B, T, units)``.
    """
    rows = mix(seed).view(-1, *[1] * (step.dim() - 1))
    keys = mix(rows ^ mix(step)).unsqueeze(-1)
    unit = mix(torch.arange(units, device=seed.device))
    bits = _shift_right(mix(keys ^ unit), 40)
    return ((bits.double() + 0.5) * 2.0**-24).to(dtype)


def dropout_mask(seed: Tensor, step: Tensor, units: int, rate: float, dtype: torch.dtype) -> Tensor:
    """Inverted-dropout masks: 0 with probability ``rate``, else 1 / (1 - rate); shaped like ``uniform``'s result.

    >>> mask = dropout_mask(torch.tensor([3]), torch.tensor([0]), 1000, 0.25, torch.float32)
    >>> bool(abs(mask.mean() - 1) < 0.1), sorted(set(mask.flatten().tolist()))
    (True, [0.0, 1.3333333730697632])
    """
    kept = uniform(seed, step, units, torch.float32) >= rate
    return kept.to(dtype) / (1 - rate)
