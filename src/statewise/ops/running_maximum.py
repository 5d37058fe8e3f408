"""The linear recurrence of maxima and sums: m_t = max(m_{t-1} + a_t, b_t).

It is the stabiliser of exponential gates (Beck et al. 2024, arXiv 2405.04517, eq. 15): the largest exponent of anything
that h_t = exp(a_t) h_{t-1} + exp(b_t) has summed up. Inside a block of time, with A_t = a_1 + ... + a_t,

    m_t = A_t + max(m_0, max_{s <= t} (b_s - A_s))

which torch's running maximum works out at once. Over a whole sequence A would grow until its digits are used up.
"""

import torch
from torch import Tensor

from statewise.contract.segments import Segments, segment_by_segment
from statewise.ops.forms import Forms

BLOCK = 64
"""Steps in a block."""


def running_maximum(a: Tensor, b: Tensor, initial: Tensor, segments: Segments | None = None) -> Tensor:
    """All of m_1 ... m_T.

    Args:
        a: ``(B, T, ...)``, T >= 1.
        b: as ``a``.
        initial: m_0 ``(B, ...)``.
        segments: that begin anew, from zeros, inside the rows; they are run as rows.

    Returns:
        ``(B, T, ...)``. What is not a number stays so from there on.

    >>> running_maximum(torch.full((1, 4), -1.0), torch.tensor([[2.0, 0.0, 0.0, 0.0]]), torch.zeros(1))
    tensor([[2., 1., 0., 0.]])
    """
    if segments is None:
        return FORMS(a, b, initial)

    def run(x: tuple[Tensor, Tensor], m: Tensor) -> tuple[Tensor, Tensor]:
        found = FORMS(*x, m)
        return found, found[:, -1]

    return segment_by_segment(run, (a, b), initial, segments)[0]


def reference(a: Tensor, b: Tensor, initial: Tensor) -> Tensor:
    """The equation, step by step: what every other form must equal."""
    m, outputs = initial, []
    for a_t, b_t in zip(a.unbind(1), b.unbind(1), strict=True):
        m = torch.maximum(m + a_t, b_t)
        outputs.append(m)
    return torch.stack(outputs, dim=1)


def in_blocks(a: Tensor, b: Tensor, initial: Tensor) -> Tensor:
    """Block by block of time."""
    m, outputs = initial, []
    for a_block, b_block in zip(a.split(BLOCK, dim=1), b.split(BLOCK, dim=1), strict=True):
        total = a_block.cumsum(1)
        largest = torch.cat([m.unsqueeze(1), b_block - total], dim=1).cummax(1).values
        outputs.append(total + largest[:, 1:])
        m = outputs[-1][:, -1]
    return torch.cat(outputs, dim=1)


def rule(a: Tensor, b: Tensor, initial: Tensor) -> str:
    """Which form runs: the one in blocks, on every device."""
    return "in_blocks"


FORMS = Forms("running_maximum", {"reference": reference, "in_blocks": in_blocks}, rule)
