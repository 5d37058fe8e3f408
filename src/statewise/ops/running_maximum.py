"""The linear recurrence of maxima and sums: m_t = max(m_{t-1} + a_t, b_t).

It is the stabiliser of exponential gates (Beck et al. 2024, arXiv 2405.04517, eq. 15): the largest exponent of anything
that h_t = exp(a_t) h_{t-1} + exp(b_t) has summed up. Inside a block of time, with A_t = a_1 + ... + a_t,

    m_t = A_t + max(m_0, max_{s <= t} (b_s - A_s))

which torch's running maximum works out at once. Over a whole sequence A would grow until its digits are used up. On
CPUs with numba one compiled loop each way takes a fraction of that time, and resets as they lie.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from statewise.contract.segments import Segments, segment_by_segment
from statewise.ops.compiled.compiler import compiled_loops_serve
from statewise.ops.forms import Forms
from statewise.ops.shapes import Shapes
from statewise.ops.transforms import gradients, transforming

BLOCK = 64
"""Steps in a block."""

SHAPES = Shapes("running_maximum", {"a": "B T D", "b": "B T D", "initial": "B D"})


def running_maximum(a: Tensor, b: Tensor, initial: Tensor, segments: Segments | None = None) -> Tensor:
    """All of m_1 ... m_T.

    Args:
        a: ``(B, T, D)``, T >= 1.
        b: as ``a``.
        initial: m_0 ``(B, D)``.
        segments: that begin anew, from zeros, inside the rows.

    Returns:
        ``(B, T, D)``. What is not a number stays so from there on, to the end of its segment.

    >>> running_maximum(torch.full((1, 4, 1), -1.0), torch.tensor([[[2.0], [0.0], [0.0], [0.0]]]), torch.zeros(1, 1))
    tensor([[[2.],
             [1.],
             [0.],
             [0.]]])
    """
    SHAPES.check(a, b, initial, segments=segments)
    return FORMS(a, b, initial, segments)


def reference(a: Tensor, b: Tensor, initial: Tensor, segments: Segments | None = None) -> Tensor:
    """The equation, step by step: what every other form must equal."""
    if segments is not None:
        return _by_segment(a, b, initial, segments, reference)
    m, outputs = initial, []
    for a_t, b_t in zip(a.unbind(1), b.unbind(1), strict=True):
        m = torch.maximum(m + a_t, b_t)
        outputs.append(m)
    return torch.stack(outputs, dim=1)


def in_blocks(a: Tensor, b: Tensor, initial: Tensor, segments: Segments | None = None) -> Tensor:
    """Block by block of time, of segments as rows."""
    if segments is not None:
        return _by_segment(a, b, initial, segments, in_blocks)
    m, outputs = initial, []
    for a_block, b_block in zip(a.split(BLOCK, dim=1), b.split(BLOCK, dim=1), strict=True):
        total = a_block.cumsum(1)
        largest = torch.cat([m.unsqueeze(1), b_block - total], dim=1).cummax(1).values
        outputs.append(total + largest[:, 1:])
        m = outputs[-1][:, -1]
    return torch.cat(outputs, dim=1)


def compiled(a: Tensor, b: Tensor, initial: Tensor, segments: Segments | None = None) -> Tensor:
    """One compiled loop each way, with numba and on a CPU; all in one real dtype."""
    m: Tensor = _CompiledMaximum.apply(a, b, initial, segments)
    return m


def rule(a: Tensor, b: Tensor, initial: Tensor, segments: Segments | None = None) -> str:
    """Which form runs: the compiled loop where it can, else the one in blocks."""
    alike = a.dtype == b.dtype == initial.dtype and not a.is_complex()
    return "compiled" if alike and compiled_loops_serve(a, b, initial) else "in_blocks"


FORMS = Forms("running_maximum", {"reference": reference, "in_blocks": in_blocks, "compiled": compiled}, rule)


def _by_segment(a: Tensor, b: Tensor, initial: Tensor, segments: Segments, form: Callable[..., Tensor]) -> Tensor:
    """``form`` of segments as rows."""

    def run(x: tuple[Tensor, Tensor], m: Tensor) -> tuple[Tensor, Tensor]:
        found = form(*x, m)
        return found, found[:, -1]

    return segment_by_segment(run, (a, b), initial, segments)[0]


class _CompiledMaximum(torch.autograd.Function):
    """``compiled``, whose gradients have gradients by the equation."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, initial: Tensor, segments: Segments | None) -> Tensor:
        from statewise.ops.compiled import maximum

        ctx.segments = segments
        ctx.save_for_backward(a, b, initial)
        return maximum.forward(a, b, initial, segments)

    @staticmethod
    def backward(ctx: Any, dm: Tensor) -> tuple[Tensor | None, ...]:
        from statewise.ops.compiled import maximum

        a, b, initial = ctx.saved_tensors
        if not torch.is_grad_enabled() and not transforming():
            return *maximum.backward(a, b, initial, dm, ctx.segments), None
        with torch.enable_grad():
            m = in_blocks(a, b, initial, ctx.segments)
        return *gradients(m, (a, b, initial), dm), None
