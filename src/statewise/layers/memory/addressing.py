"""How a Neural Turing Machine's head chooses where to read or write (Graves, Wayne & Danihelka 2014, section 3.3).

Letters: B rows, N slots, W slot width, K heads.
"""

from typing import NamedTuple

import torch
from torch import Tensor

TINY = 1e-6
"""Added to weights before their logarithm"""
NOTHING = 1e-3
"""Length below which a key or slot resembles nothing"""


class Address(NamedTuple):
    """What a head says about where to go, in admissible ranges."""

    key: Tensor
    """(B, K, W): what to look for"""
    strength: Tensor
    """(B, K, 1), beta >= 0: how much the best match stands out"""
    gate: Tensor
    """(B, K, 1), g in (0, 1): content (1) or where the head was (0)"""
    shift: Tensor
    """(B, K, 2 S + 1), s >= 0, sums to 1: how far to move, from -S to S"""
    sharpening: Tensor
    """(B, K, 1), gamma >= 1"""


def address(memory: Tensor, before: Tensor, said: Address) -> Tensor:
    """New weights ``(B, K, N)`` over the slots of ``memory (B, N, W)``: content, gate, shift, sharpening (eq. 5-9)."""
    content = content_weights(memory, said.key, said.strength)
    gated = said.gate * content + (1 - said.gate) * before
    return sharpen(shift_weights(gated, said.shift), said.sharpening)


def content_weights(memory: Tensor, key: Tensor, strength: Tensor) -> Tensor:
    """softmax over slots of beta * cosine(key, slot) (eq. 5-6); a zero vector is like nothing, not undefined."""
    similarity = unit(key) @ unit(memory).transpose(1, 2)
    return torch.softmax(strength * similarity, dim=-1)


def unit(vectors: Tensor) -> Tensor:
    """Vectors of length 1, smoothly going to zero where they are shorter than about ``NOTHING``."""
    return vectors / (vectors.square().sum(-1, keepdim=True) + NOTHING**2).sqrt()


def shift_weights(weights: Tensor, shift: Tensor) -> Tensor:
    """Circular convolution w~(i) = sum_j s(j) w(i - j), j from -S to S (eq. 8).

    >>> one = torch.tensor([[[0.0, 1.0, 0.0, 0.0]]])
    >>> shift_weights(one, torch.tensor([[[0.0, 0.0, 1.0]]]))
    tensor([[[0., 0., 1., 0.]]])
    """
    reach = shift.shape[-1] // 2
    moved = [shift[..., j + reach, None] * weights.roll(j, dims=-1) for j in range(-reach, reach + 1)]
    return torch.stack(moved).sum(dim=0)


def sharpen(weights: Tensor, sharpening: Tensor) -> Tensor:
    """w(i)^gamma / sum_j w(j)^gamma (eq. 9), as softmax(gamma log w), which neither over- nor underflows."""
    return torch.softmax(sharpening * torch.log(weights + TINY), dim=-1)
