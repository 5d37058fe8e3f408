"""A recurrence of single numbers: gates that see the state before, but no matrix between one step and the next.

    c_t, y_t = cell(x_t, s_t, w, c_{t-1})

All that does not look at the state is done before, for all steps at once: x, several numbers for each of the state, and
s, what passes by the recurrence to the output. The weights w are shared by rows and steps. Letters: B rows, T steps, D
numbers of the state, G vectors of x, P of w.

There are these fast forms. ``compiled`` is one loop each way for CPUs with numba, the cell's gates inside. ``scan``
serves the cells that are linear in their state, minGRU's for one: gates by torch, then ``linear_recurrence``, for every
device and transform. ``triton`` is one kernel each way for GPUs, gates inside, which scans tiles of steps of cells that
are linear in their state and goes step by step through the others; so far it was run by Triton's interpreter alone, on
no GPU. Second derivatives are those of ``scan`` or of the reference.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor

from statewise.contract.segments import Segments, segment_by_segment
from statewise.ops.compiled.compiler import compiled_loops_serve
from statewise.ops.forms import Forms
from statewise.ops.gpu.serving import kernels_serve
from statewise.ops.linear_recurrence import linear_recurrence
from statewise.ops.shapes import Shapes

SHAPES = Shapes("elementwise_recurrence", {"x": "B T G D", "initial": "B D", "weight": "P D", "skip": "B T S"})


def elementwise_recurrence(
    cell: Any,
    x: Tensor,
    initial: Tensor,
    segments: Segments | None = None,
    *,
    weight: Tensor | None = None,
    skip: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """All outputs y_1 ... y_T and the last state.

    Args:
        cell: from ``statewise.ops.cells``.
        x: ``(B, T, G, D)``, T may be 0.
        initial: c_0 ``(B, D)``.
        segments: that begin anew, from zeros, inside the rows.
        weight: w ``(P, D)``, where the cell has some.
        skip: s ``(B, T, D)``, where the cell has a way past.

    Returns:
        ``(B, T, D)`` and ``(B, D)``.

    >>> from statewise.ops.cells.min_gru import MinGRUCell
    >>> y, last = elementwise_recurrence(MinGRUCell(), torch.zeros(1, 3, 2, 1), torch.ones(1, 1))
    >>> y.flatten(), last
    (tensor([0.5000, 0.2500, 0.1250]), tensor([[0.1250]]))
    """
    weight = initial.new_empty(0, initial.shape[-1]) if weight is None else weight
    skip = x.new_empty(*x.shape[:2], 0) if skip is None else skip
    form = cell.form()
    past = initial.shape[-1] if form.skips else 0
    SHAPES.check(x, initial, weight, skip, segments=segments, known={"G": form.inputs, "P": form.weights, "S": past})
    return FORMS(cell, x, skip, weight, initial, segments)


def reference(
    cell: Any, x: Tensor, skip: Tensor, weight: Tensor, initial: Tensor, segments: Segments | None = None
) -> tuple[Tensor, Tensor]:
    """The equation, step by step: what every other form must equal."""
    if segments is not None:
        return _by_segment(reference, cell, x, skip, weight, initial, segments)
    c, outputs = initial, [x.new_empty(x.shape[0], 0, initial.shape[1])]
    for x_t, skip_t in zip(x.unbind(1), skip.unbind(1), strict=True):
        y, c = cell.step(x_t, skip_t, weight, c)
        outputs.append(y.unsqueeze(1))
    return torch.cat(outputs, dim=1), c


def scan(
    cell: Any, x: Tensor, skip: Tensor, weight: Tensor, initial: Tensor, segments: Segments | None = None
) -> tuple[Tensor, Tensor]:
    """By ``linear_recurrence``, of a cell that is linear in its state."""
    a, b = cell.coefficients(x, skip, weight)
    c = linear_recurrence(a, b, initial, segments)
    y = cell.output(x, c) if cell.form().reads else c
    return y, c[:, -1].clone() if c.shape[1] else initial


def compiled(
    cell: Any, x: Tensor, skip: Tensor, weight: Tensor, initial: Tensor, segments: Segments | None = None
) -> tuple[Tensor, Tensor]:
    """As one compiled loop, with numba and on a CPU; all arguments in one real dtype."""
    from statewise.ops.compiled.elementwise import Loops

    return _by_kernels(Loops(segments), segments, cell, x, skip, weight, initial)


def triton(
    cell: Any, x: Tensor, skip: Tensor, weight: Tensor, initial: Tensor, segments: Segments | None = None
) -> tuple[Tensor, Tensor]:
    """As one kernel, with Triton and on a GPU; all arguments in one real dtype."""
    from statewise.ops.gpu.elementwise import CellKernels

    return _by_kernels(CellKernels(segments), segments, cell, x, skip, weight, initial)


def _by_segment(
    form: Callable[..., tuple[Tensor, Tensor]], cell: Any, x: Tensor, skip: Tensor, weight: Tensor, initial: Tensor,
    segments: Segments,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """``form`` of segments as rows."""

    def run(given: tuple[Tensor, Tensor], c: Tensor) -> tuple[Tensor, Tensor]:
        return form(cell, *given, weight, c)

    return segment_by_segment(run, (x, skip), initial, segments)


def rule(cell: Any, x: Tensor, skip: Tensor, weight: Tensor, initial: Tensor, segments: Segments | None = None) -> str:
    """Which form runs: the kernel made for the device wherever it can."""
    alike = all(t.dtype == x.dtype and not t.is_complex() for t in (skip, weight, initial))
    if alike and compiled_loops_serve(x, skip, weight, initial):
        return "compiled"
    if alike and kernels_serve(x, skip, weight, initial):
        return "triton"
    return "scan" if cell.form().linear else "reference"


FORMS = Forms(
    "elementwise_recurrence",
    {"reference": reference, "scan": scan, "compiled": compiled, "triton": triton},
    rule,
)


class Kernels(Protocol):
    """What computes outputs and gradients outside torch, on one kind of device."""

    def forward(self, cell: Any, x: Tensor, skip: Tensor, weight: Tensor, initial: Tensor) -> tuple[Tensor, Tensor]: ...

    def backward(
        self, cell: Any, x: Tensor, skip: Tensor, weight: Tensor, initial: Tensor, states: Tensor, dy: Tensor,
        d_last: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]: ...  # fmt: skip


def _by_kernels(kernels: Kernels, segments: Segments | None, *arguments: Any) -> tuple[Tensor, Tensor]:
    y, last, _ = _KernelRecurrence.apply(kernels, segments, *arguments)
    return y, last


class _KernelRecurrence(torch.autograd.Function):
    """Outputs, the last state, and where outputs are something else, all states ``(B, T, D)`` for the way back."""

    @staticmethod
    def forward(
        ctx: Any, kernels: Kernels, segments: Segments | None, cell: Any, x: Tensor, skip: Tensor, weight: Tensor,
        initial: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
        states, y = kernels.forward(cell, x, skip, weight, initial)
        last = states[:, -1].clone() if states.shape[1] else initial.clone()
        outputs = (y, last, states) if cell.form().reads else (states, last, y)
        ctx.kernels, ctx.segments, ctx.cell = kernels, segments, cell
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(outputs[2])
        ctx.save_for_backward(x, skip, weight, initial, states)
        return outputs

    @staticmethod
    def backward(ctx: Any, dy: Tensor | None, d_last: Tensor | None, _: None) -> tuple[Tensor | None, ...]:
        *arguments, states = ctx.saved_tensors
        dy = torch.zeros_like(states) if dy is None else dy
        d_last = torch.zeros_like(arguments[3]) if d_last is None else d_last
        if torch.is_grad_enabled():
            gradients = _differentiable_gradients(ctx.cell, ctx.segments, arguments, dy, d_last)
        else:
            gradients = ctx.kernels.backward(ctx.cell, *arguments, states, dy, d_last)
        return None, None, None, *gradients


def _differentiable_gradients(
    cell: Any, segments: Segments | None, arguments: list[Tensor], dy: Tensor, d_last: Tensor
) -> tuple[Tensor, ...]:
    """Of all arguments, in operations that have derivatives."""
    form = partial(scan if cell.form().linear else reference, cell, segments=segments)
    gradients: tuple[Tensor, ...] = torch.func.vjp(form, *arguments)[1]((dy, d_last))
    return gradients
