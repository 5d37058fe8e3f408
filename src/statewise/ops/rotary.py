"""Positions as rotations and as waves. Angles are float64: far positions turn as exactly as near ones."""

import torch
from torch import Tensor

BASE = 10000.0


def rotate(x: Tensor, positions: Tensor) -> Tensor:
    """Rotary position embedding (Su et al. 2021, eq. 34): pair i of channels turned by position * BASE^(-2i/d).

    Our pair i is channels i and i + d/2, the paper's 2i and 2i + 1: the same map up to the order of the channels.

    Args:
        x: ``(B, T, N, d)``, d even.
        positions: ``(B, T)`` absolute positions, ``(1, T)`` where the rows share them.

    Returns:
        ``x`` turned, in its dtype; scalar products of turned vectors depend on the distance of their positions alone.

    Raises:
        ValueError: if d is odd.

    >>> x = torch.ones(1, 2, 1, 2)
    >>> rotate(x, torch.tensor([[0, 1]])).squeeze()
    tensor([[ 1.0000,  1.0000],
            [-0.3012,  1.3818]])
    """
    if x.shape[-1] % 2:
        raise ValueError(f"rotary positions turn pairs of channels, got an odd width {x.shape[-1]}")
    angles = _angles(positions, x.shape[-1] // 2).unsqueeze(2)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)


def sinusoidal(positions: Tensor, width: int, dtype: torch.dtype) -> Tensor:
    """Sine and cosine waves of geometrically growing length (Vaswani et al. 2017, section 3.5).

    Args:
        positions: ``(...)`` absolute positions.
        width: the number of waves, all sines before all cosines; of an odd width the last cosine is left out.
        dtype: of the result.

    Returns:
        ``(..., width)``.

    >>> sinusoidal(torch.tensor([0, 1]), 4, torch.float32)
    tensor([[0.0000, 0.0000, 1.0000, 1.0000],
            [0.8415, 0.0100, 0.5403, 0.9999]])
    """
    angles = _angles(positions, (width + 1) // 2)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)[..., :width].to(dtype)


def _angles(positions: Tensor, half: int) -> Tensor:
    frequencies = BASE ** (-torch.arange(half, device=positions.device, dtype=torch.float64) / half)
    return positions.unsqueeze(-1).double() * frequencies
