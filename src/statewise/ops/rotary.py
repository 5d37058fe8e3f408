"""Positions as rotations and as waves."""

import torch
from torch import Tensor

BASE = 10000.0


def rotate(x: Tensor, positions: Tensor) -> Tensor:
    """Rotary position embedding (Su et al. 2021, eq. 34): pairs of channels turned by position * base^(-2i/d).

    Args:
        x: ``(B, T, N, d)``, d even.
        positions: ``(B, T)`` absolute positions.

    Returns:
        ``x`` turned; scalar products of turned vectors depend on the distance of their positions alone.
    """
    half = x.shape[-1] // 2
    angles = _angles(positions, half).unsqueeze(2)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    first, second = x[..., :half], x[..., half:]
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)


def sinusoidal(positions: Tensor, width: int, dtype: torch.dtype) -> Tensor:
    """Sine and cosine waves of geometrically growing length (Vaswani et al. 2017, section 3.5): ``(..., width)``."""
    half = (width + 1) // 2
    angles = _angles(positions, half)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)[..., :width].to(dtype)


def _angles(positions: Tensor, half: int) -> Tensor:
    frequencies = BASE ** (-torch.arange(half, device=positions.device, dtype=torch.float64) / half)
    return positions.unsqueeze(-1).double() * frequencies
