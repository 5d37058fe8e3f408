"""A step of a stream as compiled loops over arrays of their own: nothing is allocated and the state is overwritten.

A layer goes through its ``step`` once, before the stream begins, on rooms in the place of tensors: every method says
what is to be worked out at each step and returns the room in which it will stand. The loops are those that run over
whole sequences, here with T = 1. Letters: B rows, D and H widths, K taps, G vectors of a cell, S numbers of state.

>>> from statewise.ops.cells.min_gru import MinGRUCell
>>> stream = InPlace(1, 3, torch.float32)
>>> driven = stream.affine(stream.x, torch.zeros(4, 3), torch.zeros(4))
>>> h, _ = stream.elementwise(MinGRUCell(), driven.view(1, 2, 2), torch.ones(1, 2))
>>> stream.ready(h, lambda: [h])
>>> [stream(torch.zeros(1, 3)).tolist() for _ in range(2)]
[[[0.5, 0.5]], [[0.25, 0.25]]]
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from statewise.ops import elementwise_recurrence, selective_scan, state_space_convolution
from statewise.ops.compiled.compiler import code_of
from statewise.ops.normalisation import Norm, centred
from statewise.ops.shapes import Shapes

AFFINE = Shapes("affine", {"x": "B D", "weight": "H D", "bias": "H", "y": "B H"})
SCALED = Shapes("add_scaled", {"x": "B D", "scale": "D", "y": "B D"})
NORMALISED = Shapes("normalised", {"x": "B D", "gain": "D", "bias": "D"})
PUSHED = Shapes("push", {"x": "B D", "window": "B K D"})
CONVOLVED = Shapes("convolved", {"window": "B K D", "weight": "D K", "bias": "D"})
LINEAR = Shapes("linear", {"a": "S", "b": "B S", "h": "B S"})


class InPlace:
    """Loops that follow each other at every step, on a CPU with numba.

    Weights and states that it is handed are copied: it goes on with them as they are now.

    Args:
        rows: B.
        width: D of the input.
        dtype: of the input and of all that is worked out, real.
    """

    def __init__(self, rows: int, width: int, dtype: torch.dtype) -> None:
        self.x = torch.zeros(rows, width, dtype=dtype)
        """The room of the input"""
        self._x: Any = self.x.numpy()
        self._form = (self.x.shape, dtype)
        self._loops: list[Callable[[], object]] = []
        self._held: list[Tensor] = []

    def ready(self, y: Tensor, leaves: Callable[[], Sequence[Tensor]]) -> None:
        """Last of all: the room of the output, and where the leaves of the state are found."""
        self._y, self._leaves = y, leaves

    def __call__(self, x: Tensor) -> Tensor:
        """The output of the next step ``x (B, D)``: the same tensor every time, overwritten by the next call.

        Raises:
            ValueError: if x has another shape or dtype.
        """
        if (x.shape, x.dtype) != self._form:
            raise ValueError(misread(x, *self._form))
        np.copyto(self._x, x.numpy(force=True))
        for loop in self._loops:
            loop()
        return self._y

    @property
    def leaves(self) -> Sequence[Tensor]:
        """Of the state, as they stand."""
        return self._leaves()

    def run(self, loop: Callable[..., object], *arguments: Any) -> None:
        """At every step, a compiled loop over rooms, arrays and whatever else it takes."""
        given = [a.numpy() if isinstance(a, Tensor) else a for a in arguments]
        self._loops.append(partial(code_of(loop, *given), *given))

    def affine(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """W x + b ``(B, H)`` of a room ``(B, D)``, with ``weight (H, D)`` and ``bias (H,)``."""
        from statewise.ops.compiled.pointwise import affine

        y = x.new_zeros(len(x), len(weight))
        AFFINE.check(x, weight, bias, y)
        self.run(affine, x, held(weight.t()), _start(weight, bias), y)
        return y

    def add_product(self, x: Tensor, weight: Tensor, y: Tensor) -> None:
        """y + W x, in the room of y."""
        from statewise.ops.compiled.product import product_inside

        AFFINE.check(x, weight, None, y)
        self.run(product_inside, x, held(weight.t()), y)

    def add_scaled(self, x: Tensor, scale: Tensor, y: Tensor) -> None:
        """y + scale * x, in the room of y, of rooms ``(B, D)`` and ``scale (D,)``."""
        from statewise.ops.compiled.pointwise import add_scaled

        SCALED.check(x, scale, y)
        self.run(add_scaled, x, held(scale), y)

    def normalised(self, norm: Norm, x: Tensor, gain: Tensor, bias: Tensor | None = None) -> Tensor:
        """gain * N(x) + bias ``(B, D)`` of a room, with ``gain`` and ``bias (D,)``: what ``normalisation`` does."""
        from statewise.ops.compiled.rows import forward

        y = torch.zeros_like(x)
        NORMALISED.check(x, gain, bias)
        self.run(forward, held(gain), _start(gain, bias), centred(norm, gain), x, y)
        return y

    def window(self, x: Tensor, tail: Tensor) -> Tensor:
        """The last K inputs ``(B, K, D)``, of which the last is a room ``(B, D)``; ``tail`` is K - 1 at the start."""
        window = torch.cat([x.unsqueeze(1), tail.detach()], dim=1)
        self.push(x, window)
        return window

    def push(self, x: Tensor, window: Tensor) -> None:
        """A room ``(B, K, D)`` one step on: the oldest goes, that of x comes last."""
        from statewise.ops.compiled.pointwise import push

        PUSHED.check(x, window)
        self.run(push, x, window)

    def convolved(self, window: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """sum_k w_k x_k + b ``(B, D)`` over a window, each channel for itself; ``weight (D, K)``, ``bias (D,)``."""
        from statewise.ops.compiled.depthwise import convolve
        from statewise.ops.compiled.spans import spans

        CONVOLVED.check(window, weight, bias)
        batch, _, width = window.shape
        y = window.new_zeros(batch, 1, width)
        self.run(convolve, spans(None, batch, 1), 1, window, held(weight.t()), _start(weight, bias), y)
        return y[:, 0]

    def elementwise(
        self, cell: Any, x: Tensor, c: Tensor, *, weight: Tensor | None = None, skip: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Output and state of an ``elementwise_recurrence`` from c on, by rooms ``x (B, G, D)`` and ``skip (B, D)``."""
        from statewise.ops.compiled.copying import copy_rows
        from statewise.ops.compiled.elementwise import forward
        from statewise.ops.compiled.spans import spans

        (batch, width), before = c.shape, held(c)
        after = torch.zeros_like(before)
        y = c.new_zeros(batch, width if cell.form().reads else 0)
        w = c.new_zeros(0, width) if weight is None else held(weight)
        past = c.new_zeros(batch, 0) if skip is None else skip
        sizes = {"G": cell.form().inputs, "P": cell.form().weights, "S": width if cell.form().skips else 0}
        elementwise_recurrence.SHAPES.check(x.unsqueeze(1), before, w, past.unsqueeze(1), known=sizes)
        rooms = (x.unsqueeze(1), past.unsqueeze(1), w, before, after.unsqueeze(1), y.unsqueeze(1))
        self.run(forward, cell, spans(None, batch, 1), *rooms)
        self.run(copy_rows, after, before)
        return (y if cell.form().reads else after), before

    def linear(self, a: Tensor, b: Tensor, h: Tensor) -> Tensor:
        """h = a h + b from h on, by a room ``b (B, S)`` and ``a (S,)``, real or complex."""
        from statewise.ops.compiled.scan import Loops, scan

        LINEAR.check(a, b, h)
        a, b, h = held(a).view(1, 1, -1), b.unsqueeze(1), held(h)
        self._held += [a, b, h]
        self.run(scan, *Loops(a, b, None).told, *(tensor.data_ptr() for tensor in (a, b, h, h)))
        return h

    def low_rank(
        self, u: Tensor, change: Tensor, p: Tensor, q: Tensor, b: Tensor, c: Tensor, h: Tensor
    ) -> tuple[Tensor, Callable[[], Tensor]]:
        """s of a ``state_space_convolution`` from h on, by a room ``u (B, D)``, and what tells h."""
        from statewise.ops.compiled.diagonal import from_lanes
        from statewise.ops.compiled.low_rank import coefficients, forward, padded
        from statewise.ops.compiled.spans import marks_of

        state_space_convolution.SHAPES.check(u.unsqueeze(1), change, p, q, b, c, h)
        (batch, channels, states), lanes = h.shape, padded(h.detach())
        s, kept = u.new_zeros(batch, 1, channels), lanes.new_empty(batch, 0, *lanes.shape[1:])
        work = held(coefficients(change, p, q, b, c))
        self.run(forward, marks_of(None, batch), u.unsqueeze(1), work, lanes, kept, s)
        return s[:, 0], lambda: from_lanes(lanes, channels)[..., :states]

    def selective(self, u: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """s and h of a ``selective_scan`` from h on, by rooms ``u`` and ``dt (B, E)``, ``b`` and ``c (B, S)``."""
        from statewise.ops.compiled.selective import forward
        from statewise.ops.compiled.spans import spans

        selective_scan.SHAPES.check(*(room.unsqueeze(1) for room in (u, dt)), a, b.unsqueeze(1), c.unsqueeze(1), h)
        batch, h = len(h), held(h.mT)
        y, kept = u.unsqueeze(1).clone(), h.new_empty(batch, *h.shape[1:])
        rooms = (u.unsqueeze(1), dt.unsqueeze(1), held(a.t()), b.unsqueeze(1), c.unsqueeze(1), h, kept, y)
        self.run(forward, spans(None, batch, 1), *rooms)
        return y[:, 0], h.mT

    def softplus(self, x: Tensor) -> Tensor:
        """log(1 + e^x)."""
        from statewise.ops.compiled.pointwise import softplus

        y = torch.zeros_like(x)
        self.run(softplus, x, y)
        return y

    def between(self, x: Tensor, z: Tensor, share: Tensor) -> Tensor:
        """x + share * (z - x), number by number."""
        from statewise.ops.compiled.pointwise import interpolate

        y = torch.zeros_like(x)
        self.run(interpolate, x, z, share, y)
        return y

    def tanh(self, x: Tensor) -> Tensor:
        """tanh(x)."""
        y = torch.zeros_like(x)
        self.squash(x, x.shape[1], y)
        return y

    def squash(self, a: Tensor, width: int, y: Tensor) -> None:
        """tanh of the first numbers of each row, the others as they are, in the room of y."""
        from statewise.ops.compiled.pointwise import squash

        self.run(squash, a, width, y)

    def relu(self, x: Tensor) -> Tensor:
        """max(x, 0)."""
        from statewise.ops.compiled.pointwise import relu

        y = torch.zeros_like(x)
        self.run(relu, x, y)
        return y

    def gelu(self, x: Tensor) -> Tensor:
        """gelu(x)."""
        from statewise.ops.compiled.pointwise import gelu

        y = torch.zeros_like(x)
        self.run(gelu, x, y)
        return y

    def gated(self, x: Tensor, gate: Tensor) -> Tensor:
        """x * sigmoid(gate)."""
        from statewise.ops.compiled.pointwise import gated

        y = torch.zeros_like(x)
        self.run(gated, x, gate, y)
        return y

    def sigmoid(self, x: Tensor) -> Tensor:
        """1 / (1 + e^-x)."""
        from statewise.ops.compiled.pointwise import sigmoids

        y = torch.zeros_like(x)
        self.run(sigmoids, x, y)
        return y

    def times(self, x: Tensor, z: Tensor) -> Tensor:
        """x * z, number by number."""
        from statewise.ops.compiled.pointwise import multiply

        y = torch.zeros_like(x)
        self.run(multiply, x, z, y)
        return y


def held(tensor: Tensor) -> Tensor:
    """A copy, one number beside the next, that no gradient knows."""
    return tensor.detach().resolve_conj().clone(memory_format=torch.contiguous_format)


def _start(weight: Tensor, bias: Tensor | None) -> Tensor:
    """A bias to a weight, zeros where there is none."""
    return weight.new_zeros(len(weight)) if bias is None else held(bias)


def misread(x: Tensor, shape: Sequence[int], dtype: torch.dtype) -> str:
    """In words, why a stream that reads this shape and dtype does not read ``x``."""
    mend = f"pass x.to({dtype})" if x.shape == shape else "pass a row of x for each of its state"
    return f"this stream reads {dtype} {tuple(shape)}, got {x.dtype} {tuple(x.shape)}; {mend}"
