"""Noise as a function of (row seed, stream, step, unit): how a sequence is cut or a batch made up does not matter.

    k_t = mix(mix(seed) ^ (step_t + stream 2^48))
    n_{t,i} = 23 bits of mix(k_t ^ mix(i // 2)),  from its low half where i is even
    u_{t,i} = (n_{t,i} + 1/2) / 2^23

``mix`` is the finaliser of SplitMix64 (Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators",
figure 14) in wrapping int64 arithmetic. Two units share the 64 bits of one hash, which halves the hashing. Where only
u < p is asked for, whole numbers are compared: by torch's operations, the ``reference``, or by one ``compiled`` loop.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from statewise.ops.compiled.compiler import DTYPES, as_array, compiled_loops_serve
from statewise.ops.forms import Forms

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
        seed: ``(B,)`` int64, one a row, or ``(B, T)`` where rows have several in turn.
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
    bits = _bits(seed, _in_stream(step, stream), units)
    largest = 1 - torch.finfo(dtype).eps / 2
    return ((bits.to(torch.float32) + 0.5) * 2.0**-BITS).clamp(max=largest).to(dtype)


def events(
    seed: Tensor, step: Tensor, chances: Sequence[float], width: int, dtype: torch.dtype, *, stream: int = 0,
    values: tuple[float, float] = (1.0, 0.0),
) -> Tensor:  # fmt: skip
    """The first value where u < p, as often as its chance p says, else the second; of the same u in every dtype.

    Args:
        seed: as ``uniform`` takes it, like ``step`` and ``stream``.
        step: number of the step.
        chances: p, each for ``width`` units, one after the other.
        width: units of each chance.
        dtype: of the result.
        stream: of noise.
        values: where u < p and elsewhere.

    Returns:
        ``(B, len(chances), width)`` or ``(B, T, len(chances), width)``.

    Raises:
        ValueError: if there is no such stream.

    >>> events(torch.tensor([3]), torch.tensor([0]), (0.0, 1.0), 4, torch.float32)
    tensor([[[0., 0., 0., 0.],
             [1., 1., 1., 1.]]])
    """
    below = [math.ceil(chance * 2**BITS - 0.5) for chance in chances]
    limits = torch.tensor(below, dtype=torch.int32, device=seed.device).repeat_interleave(width)
    chosen = FORMS(seed, _in_stream(step, stream), limits, dtype, values)
    return chosen.unflatten(-1, (len(chances), width))


def reference(seed: Tensor, step: Tensor, limits: Tensor, dtype: torch.dtype, values: tuple[float, float]) -> Tensor:
    """The comparison of all n with their limits."""
    below = _bits(seed, step, len(limits)) < limits
    there, elsewhere = torch.tensor(values, dtype=dtype, device=seed.device)
    return torch.where(below, there, elsewhere)


def compiled(seed: Tensor, step: Tensor, limits: Tensor, dtype: torch.dtype, values: tuple[float, float]) -> Tensor:
    """The same by one loop, time first in memory, as recurrences take it."""
    from statewise.ops.compiled.noise import choose

    times, seeds = ((x if x.dim() > 1 else x.unsqueeze(1)).t() for x in (step, seed))
    chosen = torch.empty(*times.shape, len(limits), dtype=dtype)
    choose(*map(as_array, (seeds, times, limits, torch.tensor(values, dtype=dtype), chosen)))
    return chosen.transpose(0, 1) if step.dim() > 1 else chosen[0]


def rule(seed: Tensor, step: Tensor, limits: Tensor, dtype: torch.dtype, values: tuple[float, float]) -> str:
    """Which form runs: the compiled one wherever it can."""
    serves = compiled_loops_serve(seed, step, limits, dtypes=(torch.int64, torch.int32)) and dtype in DTYPES
    return "compiled" if serves else "reference"


FORMS = Forms("noise", {"reference": reference, "compiled": compiled}, rule)


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
    return events(seed, step, (rate,), units, dtype, stream=stream, values=(0.0, 1 / (1 - rate))).squeeze(-2)


def _in_stream(step: Tensor, stream: int) -> Tensor:
    if not 0 <= stream < 2 ** (63 - STREAM):
        raise ValueError(f"stream must be at least 0 and below {2 ** (63 - STREAM)}, got {stream}")
    return step + (stream << STREAM) if stream else step


def _bits(seed: Tensor, step: Tensor, units: int) -> Tensor:
    """n ``(B, units)`` or ``(B, T, units)`` of a step that says its stream."""
    row = mix(seed).view(*seed.shape, *[1] * (step.dim() - seed.dim()))
    key = mix(row ^ step).unsqueeze(-1)
    pair = mix(key ^ mix(torch.arange((units + 1) // 2, device=seed.device)))
    return torch.stack([_low_bits(pair), _low_bits(pair >> 32)], dim=-1).flatten(-2)[..., :units]


def _shift_right(x: Tensor, bits: int) -> Tensor:
    """Unsigned right shift of int64."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def _low_bits(x: Tensor) -> Tensor:
    return (x & ((1 << BITS) - 1)).to(torch.int32)
