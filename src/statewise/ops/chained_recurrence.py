"""A recurrence whose step is a chain of products, each of what gates made of the one before.

    u_s = W v_s,    v_{s+1}, m_t = gates(s, x_t, u_s, h_{t-1}, m_{t-1}),    s = 0 ... S-1
    v_0 = h_{t-1},    h_t = v_S,    W one of a few matrices

It is ``dense_recurrence`` with more than one product a step: a reset gate that acts before its product, a projection, a
backbone before its heads, a solver that asks its field several times. h is what the first product and the outputs are
made of, m the memory beside it. All that does not look at the state, W x_t + b and the like, is done before, for all
steps at once: x.

``compiled`` is one loop over all steps and rows each way for CPUs with numba, with the small products in it; the
gradients of the matrices are one large product each after the loop. ``triton`` is one kernel each way for GPUs and two
products a step, the matrices on the chip; ``graph`` is for longer and wider chains, many steps of the equation captured
as one CUDA graph. So far they were run by Triton's interpreter alone, on no GPU. Letters: B rows, T steps, H width, S
products a step, X numbers of x, M of memory.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor

from statewise.contract.segments import Segments, marks
from statewise.ops.compiled.compiler import as_array, compiled_loops_serve
from statewise.ops.forms import Forms
from statewise.ops.gpu.serving import kernels_serve
from statewise.ops.linear import matrix_gradient
from statewise.ops.shapes import Shapes
from statewise.ops.transforms import refuse_further_derivatives

ON_CHIP = 256
"""Width up to which a program on a GPU goes through all steps alone"""


def chained_recurrence(
    gates: Any,
    x: Tensor,
    weights: Sequence[Tensor],
    h: Tensor,
    m: Tensor | None = None,
    *,
    segments: Segments | None = None,
) -> tuple[Tensor, Tensor]:
    """All outputs h_1 ... h_T and the last memory.

    Args:
        gates: of the cell, from ``statewise.ops.chains``.
        x: ``(T, B, X)``, time first.
        weights: the matrices W, the first of the chain first; the gates say which they are.
        h: h_0 ``(B, H)``.
        m: m_0 ``(B, M)``; ``None`` where the cell has none.
        segments: that begin anew, from zeros, inside the rows.

    Returns:
        ``(T, B, H)`` and ``(B, M)``.

    >>> from statewise.ops.chains.reset_gru import ResetGRUGates
    >>> x, weights, h = torch.zeros(5, 2, 12), (torch.zeros(8, 4), torch.zeros(4, 4)), torch.ones(2, 4)
    >>> y, _ = chained_recurrence(ResetGRUGates(), x, weights, h)
    >>> y[:, 0, 0]
    tensor([0.5000, 0.2500, 0.1250, 0.0625, 0.0312])
    """
    m = h.new_empty(len(h), 0) if m is None else m
    if not torch.compiler.is_compiling():  # which follows no cache
        _shapes(len(weights), type(gates)._fields, *gates.axes()).check(h, m, *weights, *gates, x, segments=segments)
    return FORMS(gates, x, weights, h, m, segments)


@cache
def _shapes(matrices: int, own: tuple[str, ...], x: str, m: str, *others: str) -> Shapes:
    """What arguments have to look like, in an order that tells letters before what is made of them."""
    names = [*(f"weights[{number}]" for number in range(matrices)), *own]
    between = dict(zip(names, others, strict=True))
    return Shapes("chained_recurrence", {"h": "B H", "m": f"B {m}", **between, "x": f"T B {x}"})


def reference(
    gates: Any, x: Tensor, weights: Sequence[Tensor], h: Tensor, m: Tensor, segments: Segments | None = None
) -> tuple[Tensor, Tensor]:
    """The equation, step by step: what every other form must equal."""
    return equation(gates, x, weights, h, m, marks(segments, x))


def equation(
    gates: Any, x: Tensor, weights: Sequence[Tensor], h: Tensor, m: Tensor, anew: Tensor
) -> tuple[Tensor, Tensor]:
    """``reference`` of rows that begin anew before the steps that ``anew (T or 0, B)`` says."""
    outputs = []
    for t, x_t in enumerate(x.unbind()):
        if len(anew):
            begins = anew[t].unsqueeze(1)
            h, m = h.masked_fill(begins, 0), m.masked_fill(begins, 0)
        h_next, m_next = gates.step(weights, x_t, h, m)
        h, m = h_next.to(h.dtype), m_next.to(m.dtype)
        outputs.append(h)
    return torch.stack(outputs), m


def compiled(
    gates: Any, x: Tensor, weights: Sequence[Tensor], h: Tensor, m: Tensor, segments: Segments | None = None
) -> tuple[Tensor, Tensor]:
    """As one compiled loop, which has first derivatives alone and says so when it is asked for others."""
    arguments = (type(gates), len(weights), x, h, m, marks(segments, x), *weights, *gates)
    outputs: tuple[Tensor, Tensor] = _CompiledRecurrence.apply(*arguments)
    return outputs


def triton(
    gates: Any, x: Tensor, weights: Sequence[Tensor], h: Tensor, m: Tensor, segments: Segments | None = None
) -> tuple[Tensor, Tensor]:
    """As one kernel each way, with Triton and on a GPU; two products a step, first derivatives alone."""
    from statewise.ops.gpu.chained import two_products

    return two_products(gates, x, weights, h, m, marks(segments, x))


def graph(
    gates: Any, x: Tensor, weights: Sequence[Tensor], h: Tensor, m: Tensor, segments: Segments | None = None
) -> tuple[Tensor, Tensor]:
    """As a captured graph of the equation's steps, on a GPU; first derivatives alone."""
    from statewise.ops.gpu.chained_steps import by_steps

    return by_steps(equation, gates, x, weights, h, m, marks(segments, x))


def rule(
    gates: Any, x: Tensor, weights: Sequence[Tensor], h: Tensor, m: Tensor, segments: Segments | None = None
) -> str:
    """Which form runs: the one made for the device wherever it can, on a GPU the graph of longer and wider chains."""
    tensors = (x, *weights, h, m, *gates)
    serves = compiled_loops_serve(*tensors, dtypes=(torch.float32, torch.float64))
    if serves and all(t.dtype == x.dtype for t in tensors):
        return "compiled"
    if not kernels_serve(*tensors):
        return "reference"
    if len(gates.chain()) == 2 and max(h.shape[1], weights[-1].shape[1]) <= ON_CHIP:
        return "triton"
    return "reference" if torch.cuda.is_current_stream_capturing() else "graph"


FORMS = Forms(
    "chained_recurrence", {"reference": reference, "compiled": compiled, "triton": triton, "graph": graph}, rule
)


class _CompiledRecurrence(torch.autograd.Function):
    """``compiled`` from plain tensors: the matrices, then the gates' own weights."""

    @staticmethod
    def forward(
        ctx: Any, kind: Any, matrices: int, x: Tensor, h0: Tensor, m0: Tensor, anew: Tensor, *rest: Tensor
    ) -> tuple[Tensor, Tensor]:
        from statewise.ops.compiled import chained
        from statewise.ops.compiled.product import product_of

        weights, gates = rest[:matrices], kind(*rest[matrices:])
        chain, (time, batch) = gates.chain(), x.shape[:2]
        kept = time if any(ctx.needs_input_grad) else 2
        u = [x.new_empty(batch, len(weight)) for weight in weights]
        h, m = x.new_empty(time, *h0.shape), x.new_empty(kept, *m0.shape)
        seen = [x.new_empty(kept, chain.count(i), batch, weight.shape[1]) for i, weight in enumerate(weights)]
        saved = x.new_empty(kept, batch, gates.saved(*(weight.shape for weight in weights)))
        chained.forward(
            product_of(h.numpy().dtype), kind(*map(as_array, gates)), _counted(chain), as_array(x),
            _arrays(w.t() for w in weights), *map(as_array, (h0, m0, anew)), _arrays(u), as_array(h), as_array(m),
            _arrays(seen), as_array(saved),
        )  # fmt: skip
        ctx.kind, ctx.matrices, ctx.inputs = kind, matrices, x.shape[2]
        ctx.save_for_backward(h, m, saved, m0, anew, *seen, *rest)
        return h, m[(time - 1) % kept].clone()

    @staticmethod
    def backward(ctx: Any, dy: Tensor, dm_last: Tensor) -> Any:
        refuse_further_derivatives("chained_recurrence")
        from statewise.ops.compiled import chained
        from statewise.ops.compiled.product import product_of

        n, (h, m, saved, m0, anew, *rest) = ctx.matrices, ctx.saved_tensors
        seen, weights, gates = rest[:n], rest[n : 2 * n], ctx.kind(*rest[2 * n :])
        dx = h.new_empty(*h.shape[:2], ctx.inputs)
        du = [h.new_empty(*v.shape[:3], len(weight)) for v, weight in zip(seen, weights, strict=True)]
        dv = [h.new_empty(v.shape[2:]) for v in seen]
        dh, dm, *d_own = (torch.zeros(part.shape, dtype=part.dtype) for part in (h[0], m0, *gates))
        chained.backward(
            product_of(h.numpy().dtype), ctx.kind(*map(as_array, gates)), _counted(gates.chain()), _arrays(weights),
            as_array(h), as_array(m), _arrays(seen), *map(as_array, (saved, m0, anew, dy, dm_last, dx)),
            _arrays(du), _arrays(dv), as_array(dh), as_array(dm), ctx.kind(*map(as_array, d_own)),
        )  # fmt: skip
        d_weights = [matrix_gradient(d, v) for d, v in zip(du, seen, strict=True)]
        return None, None, dx, dh, dm, None, *d_weights, *d_own


def _arrays(tensors: Iterable[Tensor]) -> tuple[Any, ...]:
    return tuple(as_array(tensor) for tensor in tensors)


def _counted(chain: tuple[int, ...]) -> Any:
    """``(S, 2)``: each matrix, and how many products with it go before."""
    return as_array(torch.tensor([(matrix, chain[:stage].count(matrix)) for stage, matrix in enumerate(chain)]))
