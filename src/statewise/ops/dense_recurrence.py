"""A recurrence with a full matrix, between whose products gates work number by number.

    u_t = U (mask * h_{t-1}) + b
    h'_t, m'_t = gates(x_t, u_t, h_{t-1}, m_{t-1})
    h_t = k_t * h_{t-1} + (1 - k_t) * h'_t,    likewise m_t

h is what the products and the outputs are made of, m the memory beside it (an LSTM's c). All that does not look at the
state, W x_t + b and the like, is done before, for all steps at once: x. The shares k are zoneout's (Krueger et al.
2017, eq. 6), the mask that of variational dropout (Gal & Ghahramani 2016, eq. 7). Cells with more products
a step have ``chained_recurrence``.

There are these fast forms; in all of them the gradient of U is one large product after the loop. ``compiled`` is one
loop over all steps and rows each way for CPUs with numba, with the small product in it. ``triton`` is one kernel each
way for GPUs, U on the chip; ``graph`` is for a U too large for that, a product and a kernel a step, many steps captured
as one CUDA graph. So far they were run by Triton's interpreter alone, on no GPU. All take segments as they lie, as
marks of the steps before which a row begins anew. Letters: B rows, T steps, H width, G vectors of x, R of u, M of
memory.
"""

from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from statewise.contract.segments import Segments, emptied
from statewise.ops.compiled.compiler import as_array, compiled_loops_serve
from statewise.ops.forms import Forms
from statewise.ops.gpu.serving import kernels_serve
from statewise.ops.linear import matrix_gradient
from statewise.ops.shapes import Shapes
from statewise.ops.transforms import refuse_further_derivatives

ON_CHIP = 256
"""H up to which a program on a GPU goes through all steps alone"""


def dense_recurrence(
    gates: Any,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    h: Tensor,
    m: Tensor,
    *,
    keep: Tensor | None = None,
    mask: Tensor | None = None,
    segments: Segments | Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """All outputs h_1 ... h_T and the last memory.

    Args:
        gates: of the cell, from ``statewise.ops.gates``.
        x: ``(T, B, G, H)``, time first.
        weight: U ``(R H, H)``.
        bias: b ``(R H,)``; ``None`` where x holds it.
        h: h_0 ``(B, H)``.
        m: m_0 ``(B, M, H)``.
        keep: k ``(T or 1, B or 1, 1 + M, H)`` in [0, 1], first of h, then of m; has no gradient. ``None``: all 0.
        mask: ``(B or 1, H)``; has no gradient. ``None``: all 1.
        segments: that begin anew inside the rows, from zeros and what the gates say of m; no mask is of rows then, and
            no share of rows alone. Or ``(T, B)`` bool, before which steps rows begin anew, also before the first one.

    Returns:
        ``(T, B, H)`` and ``(B, M, H)``.

    >>> from statewise.ops.gates.gru import GRUGates
    >>> x, weight, h = torch.zeros(5, 2, 3, 4), torch.zeros(12, 4), torch.ones(2, 4)
    >>> y, _ = dense_recurrence(GRUGates(), x, weight, None, h, h.new_empty(2, 0, 4))
    >>> y[:, 0, 0]
    tensor([0.5000, 0.2500, 0.1250, 0.0625, 0.0312])
    """
    sizes, width = gates.sizes(), x.shape[-1]
    known = {"G": sizes.products + sizes.beside, "R": sizes.products * width, "M": sizes.memory, "N": 1 + sizes.memory}
    anew = segments.by_step if isinstance(segments, Segments) else segments
    if not torch.compiler.is_compiling():  # which follows no cache
        _shapes(type(gates)._fields, sizes.own).check(x, weight, bias, h, m, keep, mask, anew, *gates, known=known)
    bias = weight.new_zeros(weight.shape[0]) if bias is None else bias
    keep = x.new_empty(0, 1, 1 + m.shape[1], h.shape[1]) if keep is None else keep
    mask = x.new_empty(0, h.shape[1]) if mask is None else mask
    anew = x.new_empty(0, h.shape[0], dtype=torch.bool) if anew is None else anew
    return FORMS(gates, x, weight, bias, h, m, keep, mask, anew)


@cache
def _shapes(fields: tuple[str, ...], own: tuple[str, ...]) -> Shapes:
    """What arguments have to look like, with gates of these fields and axes."""
    axes = {
        "x": "T B G H", "weight": "R H", "bias": "R", "h": "B H", "m": "B M H", "keep": "T? B? N H", "mask": "B? H",
        "segments": "T B",
    }  # fmt: skip
    return Shapes("dense_recurrence", axes | {f"gates.{name}": of for name, of in zip(fields, own, strict=True)})


def reference(
    gates: Any, x: Tensor, weight: Tensor, bias: Tensor, h: Tensor, m: Tensor, keep: Tensor, mask: Tensor,
    anew: Tensor,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The equation, step by step: what every other form must equal."""
    outputs = []
    shares = keep.expand(x.shape[0], -1, -1, -1).unbind() if len(keep) else [None] * x.shape[0]
    begin = gates.sizes().begin(m).view(1, -1, 1)
    for t, (x_t, share) in enumerate(zip(x.unbind(), shares, strict=True)):
        if len(anew):
            h, m = h.masked_fill(anew[t].view(-1, 1), 0), torch.where(anew[t].view(-1, 1, 1), begin, m)
        u = F.linear(h * mask if len(mask) else h, weight, bias).unflatten(1, (-1, h.shape[1]))
        h_next, m_next = (new.to(h.dtype) for new in gates.step(x_t, u, h, m))
        if share is not None:
            h_next = torch.lerp(h_next, h, share[:, 0].expand_as(h))
            m_next = torch.lerp(m_next, m, share[:, 1:].expand_as(m))
        h, m = h_next, m_next
        outputs.append(h)
    return torch.stack(outputs), m


def compiled(
    gates: Any, x: Tensor, weight: Tensor, bias: Tensor, h: Tensor, m: Tensor, keep: Tensor, mask: Tensor,
    anew: Tensor,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """As one compiled loop, which has first derivatives alone and says so when it is asked for others."""
    arguments = (type(gates), x, weight, bias, h, m, keep, mask, anew, *gates)
    outputs: tuple[Tensor, Tensor] = _CompiledRecurrence.apply(*arguments)
    return outputs


def triton(
    gates: Any, x: Tensor, weight: Tensor, bias: Tensor, h: Tensor, m: Tensor, keep: Tensor, mask: Tensor,
    anew: Tensor,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """As one kernel each way, with Triton and on a GPU; H <= 256, first derivatives alone."""
    from statewise.ops.gpu import dense
    from statewise.ops.gpu.dense_function import by_loops

    return by_loops(dense, gates, x, weight, bias, h, m, keep, mask, anew)


def graph(
    gates: Any, x: Tensor, weight: Tensor, bias: Tensor, h: Tensor, m: Tensor, keep: Tensor, mask: Tensor,
    anew: Tensor,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """As a captured graph of steps, with Triton and on a GPU; first derivatives alone."""
    from statewise.ops.gpu import dense_steps
    from statewise.ops.gpu.dense_function import by_loops

    return by_loops(dense_steps, gates, x, weight, bias, h, m, keep, mask, anew)


def rule(
    gates: Any, x: Tensor, weight: Tensor, bias: Tensor, h: Tensor, m: Tensor, keep: Tensor, mask: Tensor,
    anew: Tensor,
) -> str:  # fmt: skip
    """Which form runs: the one made for the device wherever it can, on a GPU the graph where U is too large."""
    tensors = (x, weight, bias, h, m, keep, mask, *gates)
    if any(t.is_complex() for t in tensors):
        return "reference"
    if compiled_loops_serve(*tensors) and all(t.dtype == x.dtype for t in tensors):
        return "compiled"
    if not kernels_serve(*tensors):
        return "reference"
    if h.shape[1] <= ON_CHIP:
        return "triton"
    return "reference" if torch.cuda.is_current_stream_capturing() else "graph"


FORMS = Forms(
    "dense_recurrence", {"reference": reference, "compiled": compiled, "triton": triton, "graph": graph}, rule
)


class _CompiledRecurrence(torch.autograd.Function):
    """``compiled`` from plain tensors; the gates are a kind and its weights."""

    @staticmethod
    def forward(ctx: Any, kind: Any, x: Tensor, weight: Tensor, bias: Tensor, *rest: Tensor) -> tuple[Tensor, Tensor]:
        from statewise.ops.compiled import dense
        from statewise.ops.compiled.product import product_of

        h0, m0, keep, mask, anew, *own = rest
        time, batch, width = x.shape[0], *h0.shape
        sizes, going_back = kind.sizes(), any(ctx.needs_input_grad)
        h = x.new_empty(time, batch, width)
        m = x.new_empty(time if going_back else 2, batch, sizes.memory, width)
        saved = x.new_empty(time if going_back else 1, batch, sizes.saved, width)
        dense.forward(
            product_of(h.numpy().dtype), kind(*map(as_array, own)),
            *map(as_array, (x, weight.t(), bias, h0, m0, keep, mask, anew, sizes.begin(m), h, m, saved)),
        )  # fmt: skip
        ctx.kind, ctx.inputs = kind, x.shape[2]
        ctx.save_for_backward(weight, h, m, saved, h0, m0, keep, mask, anew, *own)
        return h, m[(time - 1) % len(m)].clone()

    @staticmethod
    def backward(ctx: Any, dy: Tensor, dm_last: Tensor) -> Any:
        refuse_further_derivatives("dense_recurrence")
        from statewise.ops.compiled import dense
        from statewise.ops.compiled.product import product_of

        weight, h, m, saved, h0, m0, keep, mask, anew, *own = ctx.saved_tensors
        kind, sizes = ctx.kind, ctx.kind.sizes()
        du = h.new_empty(*h.shape[:2], sizes.products, h.shape[2])
        dx = du if sizes.sums else h.new_empty(*h.shape[:2], ctx.inputs, h.shape[2])
        dh, dm, *d_own = (torch.zeros(part.shape, dtype=part.dtype) for part in (h0, m0, *own))
        dense.backward(
            product_of(h.numpy().dtype), kind(*map(as_array, own)),
            *map(as_array, (weight, h, m, saved, h0, m0, keep, mask, anew, sizes.begin(m))),
            *map(as_array, (dy, dm_last, dx, du, dh, dm)),
            kind(*map(as_array, d_own)),
        )  # fmt: skip
        before = (emptied(h0, anew[0]), emptied(h[:-1], anew[1:])) if len(anew) else (h0, h[:-1])
        first, later = (part * mask if len(mask) else part for part in before)
        flat = du.flatten(2)
        d_weight = matrix_gradient(flat[1:], later).addmm_(flat[0].t(), first)
        d_bias = flat.sum((0, 1)) if ctx.needs_input_grad[3] else None
        return None, dx, d_weight, d_bias, dh, dm, None, None, None, *d_own
