"""Noise as a function of (row seed, stream, step, unit): how a sequence is cut or a batch made up does not matter.

    k_t = mix(mix(seed) ^ (step_t + stream 2^48))
    u_{t,i} = 23 bits of mix(k_t ^ mix(i // 2)),  from its low half where i is even

``mix`` is the finaliser of SplitMix64 (Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators",
figure 14) in wrapping int64 arithmetic. Two units share the 64 bits of one hash, which halves the hashing.
"""

import torch
from torch import Tensor

GOLDEN = -7046029254386353131  # 0x9E3779B97F4A7C15 as int64
STREAM = 48
"""Bits of a step; what stands above them is the stream, so that no step of one is a step of another"""
BITS = 23
"""Random bits a number, one fewer than float32 holds: half a unit is added, so that neither 0 nor 1 comes out."""


def mix(x: Tensor) -> Tensor:
    """A bijection of int64 whose output looks random even for consecutive inputs."""
    x = x + GOLDEN
    x ^= _shift_right(x, 30)
    x *= -4658895280553007687  # 0xBF58476D1CE4E5B9
    x ^= _shift_right(x, 27)
    x *= -7723592293110705685  # 0x94D049BB133111EB
    x ^= _shift_right(x, 31)
    return x


def uniform(seed: Tensor, step: Tensor, units: int, dtype: torch.dtype, *, stream: int = 0) -> Tensor:
    """Numbers uniform in the open interval (0, 1), one for each row, step and unit.

    Args:
        seed: ``(B,)`` int64, one a row.
        step: ``(B,)`` or ``(B, T)`` int64, below 2^48.
        units: how many numbers a row and step; the first of many are those of few.
        dtype: of the result; odd multiples of 2^-24, exact in float32 and float64, rounded in a narrower one.
        stream: which of the independent noises that a layer draws from one seed, from 0 to 2^15 - 1.

    Returns:
        ``(B, units)`` or ``(B, T, units)``.

    Raises:
        ValueError: if there is no such stream.

    >>> u = uniform(torch.tensor([3]), torch.arange(10).unsqueeze(0), 1000, torch.float32)
    >>> u.shape, bool(abs(u.mean() - 0.5) < 0.01)
    (torch.Size([1, 10, 1000]), True)
    """
    if not 0 <= stream < 2 ** (63 - STREAM):
        raise ValueError(f"stream must be at least 0 and below {2 ** (63 - STREAM)}, got {stream}")
    if stream:
        step = step + (stream << STREAM)
    row = mix(seed).view(-1, *[1] * (step.dim() - 1))
    key = mix(row ^ step).unsqueeze(-1)
    pair = mix(key ^ mix(torch.arange((units + 1) // 2, device=seed.device)))
    bits = torch.stack([_low_bits(pair), _low_bits(pair >> 32)], dim=-1).flatten(-2)[..., :units]
    largest = 1 - torch.finfo(dtype).eps / 2
    return ((bits.to(torch.float32) + 0.5) * 2.0**-BITS).clamp(max=largest).to(dtype)


def dropout_mask(seed: Tensor, step: Tensor, units: int, rate: float, dtype: torch.dtype, *, stream: int = 0) -> Tensor:
    """Inverted-dropout masks: 0 with probability ``rate``, else 1 / (1 - rate); shaped like ``uniform``'s result.

    The same units fall out in every dtype.

    Raises:
        ValueError: if the rate is outside [0, 1).

    >>> mask = dropout_mask(torch.tensor([3]), torch.tensor([0]), 1000, 0.25, torch.float32)
    >>> bool(abs(mask.mean() - 1) < 0.1), sorted(set(mask.flatten().tolist()))
    (True, [0.0, 1.3333333730697632])
    """
    if not 0 <= rate < 1:
        raise ValueError(f"rate must be at least 0 and below 1, got {rate}")
    kept = uniform(seed, step, units, torch.float32, stream=stream) >= rate
    return kept.to(dtype) / (1 - rate)


def _shift_right(x: Tensor, bits: int) -> Tensor:
    """Unsigned right shift of int64."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def _low_bits(x: Tensor) -> Tensor:
    return (x & ((1 << BITS) - 1)).to(torch.int32)
