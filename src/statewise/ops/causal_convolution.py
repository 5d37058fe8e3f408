"""Causal convolutions that go on from a tail: the inputs of the steps before.

    y_t = bias + sum_k weight_k x_{t - (K - 1 - k) dilation}

as in van den Oord et al. 2016 (WaveNet), section 2.1, with steps before the first taken from the tail. The fast form is
torch's convolution over tail and input. Where segments begin anew inside the rows, all is one product with what stands
under the taps and belongs to the segment, laid out by a loop compiled by numba; without that, or if there are very many
taps, torch's is run on the rows as they lie, and the steps after each beginning that saw what stands before it are
worked out again. Where filters see one channel each, a compiled loop takes a tenth of the time of torch's convolution,
and segments as they lie; on GPUs a Triton kernel each way, which so far was run by Triton's interpreter alone.

Letters: B rows, S segments, T steps, D channels, K taps.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from statewise.contract.segments import Segments, append
from statewise.ops.compiled.compiler import compiled_loops_serve
from statewise.ops.forms import Forms
from statewise.ops.gpu.serving import kernels_serve
from statewise.ops.linear import linear
from statewise.ops.shapes import Shapes
from statewise.ops.transforms import gradients, transforming

FEW = 2
"""Taps up to which one product takes less time than torch's convolution, a fifth to a third of it less"""
FEW_WITH_SEGMENTS = 4
"""Taps up to which it takes less than to put the convolution right"""
MANY = 32
"""Taps up to which it does where a compiled loop lays out what stands under them, which are so many copies of x"""
WRITTEN_OUT = 16
"""Taps up to which a kernel for GPUs runs: its machine code has each of them"""

SHAPES = Shapes("causal_convolution", {"x": "B T D", "tail": "B P D", "weight": "O I K", "bias": "O"})


def causal_convolution(
    x: Tensor,
    tail: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    segments: Segments | None = None,
    *,
    dilation: int = 1,
    groups: int = 1,
) -> tuple[Tensor, Tensor]:
    """The convolution of a sequence or of any chunk of one.

    Args:
        x: ``(B, T, D)``, any T.
        tail: ``(B, (K - 1) dilation, D)``: the inputs just before ``x``, zeros where there were none.
        weight: ``(D_out, D / groups, K)`` as of ``torch.nn.Conv1d``.
        bias: ``(D_out,)`` or ``None``.
        segments: that begin anew, with nothing before them, inside the rows.
        dilation: steps between two taps.
        groups: D for a depthwise convolution.

    Returns:
        ``(B, T, D_out)`` and the tail after ``x``, in the tail's dtype.

    Raises:
        ValueError: if the tail's length is not ``(K - 1) dilation``, or another shape does not fit.

    >>> y, tail = causal_convolution(torch.ones(1, 3, 1), torch.zeros(1, 1, 1), torch.ones(1, 1, 2), None)
    >>> y.flatten().tolist(), tail.shape
    ([1.0, 2.0, 2.0], torch.Size([1, 1, 1]))
    """
    reach = (weight.shape[2] - 1) * dilation
    if tail.shape[1] != reach:
        raise ValueError(f"{weight.shape[2]} taps {dilation} apart need a tail of {reach} steps, got {tail.shape[1]}")
    SHAPES.check(x, tail, weight, bias, segments=segments, known={"D": weight.shape[1] * groups})
    extended = torch.cat([tail, x.to(tail.dtype)], dim=1)
    if x.shape[1] == 0:
        return extended.new_zeros(x.shape[0], 0, weight.shape[0]), tail.clone()
    return FORMS(extended, weight, bias, dilation, groups, segments), append(tail, x, segments)


def reference(
    extended: Tensor, weight: Tensor, bias: Tensor | None, dilation: int, groups: int, segments: Segments | None = None
) -> Tensor:
    """The equation, tap by tap, over tail and input: what every other form must equal."""
    filters = weight.unflatten(0, (groups, -1))
    y = extended.new_zeros(()) if bias is None else bias
    for k, x in enumerate(_under_taps(extended, weight.shape[2], dilation, segments)):
        y = y + torch.einsum("btgi,goi->btgo", x.unflatten(2, (groups, -1)), filters[..., k]).flatten(2)
    return y


def taps(
    extended: Tensor, weight: Tensor, bias: Tensor | None, dilation: int, groups: int, segments: Segments | None = None
) -> Tensor:
    """One product with all that stands under the taps, side by side, of filters that see all channels."""
    if segments is not None and compiled_loops_serve(extended):
        seen: Tensor = _Seen.apply(extended, weight.shape[2], dilation, segments)
    else:
        seen = torch.cat(_under_taps(extended, weight.shape[2], dilation, segments), dim=2)
    return linear(seen, weight.transpose(1, 2).flatten(1), bias)


def conv1d(
    extended: Tensor, weight: Tensor, bias: Tensor | None, dilation: int, groups: int, segments: Segments | None = None
) -> Tensor:
    """``torch.nn.functional.conv1d``, put right where it saw what stands before a segment."""
    y = F.conv1d(extended.transpose(1, 2), weight, bias, dilation=dilation, groups=groups).transpose(1, 2)
    reach = (weight.shape[2] - 1) * dilation
    if segments is None or not reach or not segments.later:
        return y
    convolve = partial(_from_nothing, weight=weight, bias=bias, dilation=dilation, groups=groups)
    return _put_right(y, convolve, extended[:, reach:], reach, segments)


def compiled(
    extended: Tensor, weight: Tensor, bias: Tensor | None, dilation: int, groups: int, segments: Segments | None = None
) -> Tensor:
    """One compiled loop each way, of filters that see one channel each; with numba and on a CPU, all in one dtype."""
    from statewise.ops.compiled import depthwise

    return _by_channel(depthwise, extended, weight, bias, dilation, segments)


def triton(
    extended: Tensor, weight: Tensor, bias: Tensor | None, dilation: int, groups: int, segments: Segments | None = None
) -> Tensor:
    """One kernel each way, of filters that see one channel each; with Triton and on a GPU, all in one dtype."""
    from statewise.ops.gpu import depthwise

    return _by_channel(depthwise, extended, weight, bias, dilation, segments)


def rule(
    extended: Tensor, weight: Tensor, bias: Tensor | None, dilation: int, groups: int, segments: Segments | None = None
) -> str:
    """Which form runs: the loop or kernel made for the device where it can, of few taps one product, else torch's."""
    tensors = (extended, weight) if bias is None else (extended, weight, bias)
    alike = all(t.dtype == weight.dtype and not t.is_complex() for t in tensors)
    if alike and weight.shape[:2] == (extended.shape[2], 1):
        if compiled_loops_serve(*tensors):
            return "compiled"
        if weight.shape[2] <= WRITTEN_OUT and kernels_serve(*tensors):
            return "triton"
    few = FEW if segments is None else MANY if compiled_loops_serve(extended) else FEW_WITH_SEGMENTS
    return "taps" if groups == 1 and weight.shape[2] <= few else "conv1d"


FORMS = Forms(
    "causal_convolution",
    {"reference": reference, "taps": taps, "conv1d": conv1d, "compiled": compiled, "triton": triton},
    rule,
)


def _by_channel(
    kernels: Any, extended: Tensor, weight: Tensor, bias: Tensor | None, dilation: int, segments: Segments | None
) -> Tensor:
    filters = weight.squeeze(1).t()
    bias = filters.new_zeros(len(weight)) if bias is None else bias
    y: Tensor = _Depthwise.apply(kernels, extended, filters, bias, dilation, segments)
    return y


class _Depthwise(torch.autograd.Function):
    """By kernels, of filters ``(K, D)``, whose gradients have gradients by the equation."""

    @staticmethod
    def forward(
        ctx: Any, kernels: Any, extended: Tensor, filters: Tensor, bias: Tensor, dilation: int,
        segments: Segments | None,
    ) -> Tensor:  # fmt: skip
        ctx.kernels, ctx.dilation, ctx.segments = kernels, dilation, segments
        ctx.save_for_backward(extended, filters, bias)
        y: Tensor = kernels.forward(extended, filters, bias, dilation, segments)
        return y

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> Any:
        extended, filters, bias = ctx.saved_tensors
        if not torch.is_grad_enabled() and not transforming():
            return None, *ctx.kernels.backward(extended, filters, dy, ctx.dilation, ctx.segments), None, None
        with torch.enable_grad():
            y = reference(extended, filters.t().unsqueeze(1), bias, ctx.dilation, len(bias), ctx.segments)
        return None, *gradients(y, (extended, filters, bias), dy), None, None


class _Seen(torch.autograd.Function):
    """What stands under the taps, by a compiled loop; the gradient of its gradient is itself."""

    @staticmethod
    def forward(ctx: Any, extended: Tensor, *how: Any) -> Tensor:
        from statewise.ops.compiled.taps import gather

        ctx.how = how
        return gather(extended, *how)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        return _SeenFrom.apply(grad, *ctx.how), None, None, None


class _SeenFrom(torch.autograd.Function):
    """The transpose of ``_Seen``."""

    @staticmethod
    def forward(ctx: Any, seen: Tensor, *how: Any) -> Tensor:
        from statewise.ops.compiled.taps import scatter

        ctx.how = how
        return scatter(seen, *how)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        return _Seen.apply(grad, *ctx.how), None, None, None


def _under_taps(extended: Tensor, count: int, dilation: int, segments: Segments | None) -> list[Tensor]:
    """What stands under each tap at all steps, ``(B, T, D)``; zeros where that is before the step's segment."""
    reach = (count - 1) * dilation
    time = extended.shape[1] - reach
    found = [extended[:, start : start + time] for start in range(0, reach + 1, dilation)]
    if segments is None:
        return found
    begun = segments.origins
    passed = torch.where(begun > 0, torch.arange(time, device=begun.device) - begun, reach)
    lags = range(reach, -1, -dilation)
    return [x.masked_fill((passed < lag).unsqueeze(2), 0) if lag else x for x, lag in zip(found, lags, strict=True)]


def _put_right(y: Tensor, convolve: Callable[[Tensor], Tensor], x: Tensor, reach: int, segments: Segments) -> Tensor:
    """``y`` of whole rows, worked out again where a step sees what stands before its segment.

    That are at most ``reach`` steps of each; segments with about as many are worked out together.
    """
    later = segments.starts.nonzero().squeeze(1)
    first, wrong = segments.first[later], segments.lengths[later].clamp(max=reach)
    digits = (
        torch.frexp((wrong - 1).double()).exponent
        if reach >= FEW_WITH_SEGMENTS
        else torch.full_like(wrong, reach.bit_length())
    )
    places, outputs = [], []
    for digit in digits.unique().tolist():
        chosen = (digits == digit).nonzero().squeeze(1)
        passed = torch.arange(min(1 << digit, int(wrong[chosen].max())), device=x.device)
        steps = first[chosen].unsqueeze(1) + passed
        given = x.flatten(0, 1).index_select(0, steps.clamp(max=segments.batch * segments.time - 1).flatten())
        kept = (passed < wrong[chosen].unsqueeze(1)).flatten().nonzero().squeeze(1)
        outputs.append(convolve(given.unflatten(0, steps.shape)).flatten(0, 1).index_select(0, kept))
        places.append(steps.flatten()[kept])
    return y.flatten(0, 1).index_copy(0, torch.cat(places), torch.cat(outputs)).view(y.shape)


def _from_nothing(x: Tensor, weight: Tensor, bias: Tensor | None, dilation: int, groups: int) -> Tensor:
    """The convolution of short rows with nothing before them, by those taps alone that see any of it."""
    count = min(weight.shape[2], -(-x.shape[1] // dilation))
    seen = weight[..., weight.shape[2] - count :]
    if count == 1:
        return conv1d(x.flatten(0, 1).unsqueeze(0), seen, bias, dilation, groups).view(*x.shape[:2], -1)
    return conv1d(F.pad(x, (0, 0, (count - 1) * dilation, 0)), seen, bias, dilation, groups)
