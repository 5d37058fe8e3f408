"""What recurrences with a matrix for a state share: time cut into chunks, decays between two steps, what is not finite.

Letters: B rows, T steps, C chunks, Q steps a chunk, N heads, K width of a key, V width of a value.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from statewise.autocast import unrounded
from statewise.contract.segments import Segments

Recurrence = Callable[..., tuple[Tensor, Tensor]]
"""``(q, *what else is given a step, state before) -> (outputs, state after)``"""


def in_chunks(recur: Recurrence, steps: int, sequences: tuple[Tensor, ...], state: Tensor) -> tuple[Tensor, Tensor]:
    """Chunks of ``steps`` steps, then what is left.

    Args:
        recur: of sequences ``(B, C, N, Q, ...)`` and the state before them.
        steps: in a chunk.
        sequences: each ``(B, T, N, ...)``, T >= 1.
        state: before the first step.

    Returns:
        Outputs ``(B, T, N, V)`` and the state after the last step.
    """
    time = sequences[0].shape[1]
    whole, outputs = time - time % steps, []
    with unrounded(state):
        for start, end in ((0, whole), (whole, time)):
            if start < end:
                size = min(steps, end - start)
                parts = (x[:, start:end].unflatten(1, (-1, size)).transpose(2, 3) for x in sequences)
                y, state = recur(*parts, state)
                outputs.append(y.transpose(2, 3).flatten(1, 2))
    return torch.cat(outputs, dim=1), state


def kept_between(log_a: Tensor) -> Tensor:
    """How much of what is written at one step is left at another: exp of the sum of ``log_a`` over the steps between.

    Args:
        log_a: ``(..., Q, D)``.

    Returns:
        ``(..., Q, Q, D)``, at ``[t, s]`` the product of the decays of s + 1 to t; 0 where t < s. Each sum is a sum: a
        difference of two sums from the start would lose its digits after a strong decay.

    >>> kept_between(torch.tensor([[0.1], [0.5], [0.2]]).log()).squeeze(-1)
    tensor([[1.0000, 0.0000, 0.0000],
            [0.5000, 1.0000, 0.0000],
            [0.1000, 0.2000, 1.0000]])
    """
    steps = log_a.shape[-2]
    ones = log_a.new_ones(steps, steps)
    since, after = ones.tril().unsqueeze(-1), ones.tril(-1).unsqueeze(-1)
    return vanishing((log_a.unsqueeze(-2) * after).cumsum(-3)) * since


def vanishing(exponents: Tensor) -> Tensor:
    """e^x, but 0 where that is no more than twice the smallest number of full precision.

    Smaller ones, and infinite exponents, take a processor up to thirty times as long.

    >>> vanishing(torch.tensor([0.0, -86.0, -87.0, -90.0, float("-inf")]))
    tensor([1.0000e+00, 4.4738e-38, 0.0000e+00, 0.0000e+00, 0.0000e+00])
    """
    smallest = torch.finfo(exponents.dtype).tiny
    return F.threshold(exponents.clamp(min=math.log(smallest) + 0.5).exp(), 2 * smallest, 0.0)


def below(matrix: Tensor, *, diagonal: bool) -> Tensor:
    """``(..., Q, Q)`` with zeros above the diagonal, and on it unless it is to stay, whatever stood there."""
    return matrix.tril(0 if diagonal else -1)


def emptying(log_a: Tensor, segments: Segments | None) -> Tensor:
    """``log_a (B, T, N, D)`` with decays that leave nothing of what stands before a segment that begins anew."""
    if segments is None:
        return log_a
    return segments.fill(log_a, torch.finfo(log_a.dtype).min)


def despite_what_is_not_finite(
    recur: Recurrence, q: Tensor, given: tuple[Tensor, ...], initial: Tensor, segments: Segments | None = None
) -> tuple[Tensor, Tensor]:
    """``recur(q, *given, initial)`` on what is finite, and NaN from the step on at which a head is given what is not.

    It would otherwise reach the past through a weight of zero, and later segments. A ``q`` that is not finite spoils
    its own step alone.
    """
    (q, unread), *parts = (_finite(x) for x in (q, *given))
    broken = torch.stack([found for _, found in parts]).any(0)
    if segments is None:
        written = broken.cumsum(1) > 0
    else:
        initial, before = _finite(initial)
        written = _since_begun(broken, before.any(-1), segments)
    y, state = recur(q, *(x for x, _ in parts), initial)
    spoilt, nan = (written | unread).unsqueeze(-1), float("nan")
    return y.masked_fill(spoilt, nan), state.masked_fill(written[:, -1, :, None, None], nan)


def _since_begun(marked: Tensor, before: Tensor, segments: Segments) -> Tensor:
    """Whether a step ``(B, T, N)`` of a segment is marked up to each, or what its row began with, ``before (B, N)``."""
    total = F.pad(marked, (0, 0, 1, 0)).cumsum(1)
    begun = segments.origins.unsqueeze(-1).expand_as(marked)
    return (total[:, 1:] > total.gather(1, begun)) | ((begun == 0) & before.unsqueeze(1))


def _finite(x: Tensor) -> tuple[Tensor, Tensor]:
    """``x (..., D)`` with zeros for what is not finite, which less itself is not zero; and where there is any."""
    nothing = x.detach() - x.detach()
    return torch.where(nothing == 0, x, 0.0), nothing.sum(-1) != 0
