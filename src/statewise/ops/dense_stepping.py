"""One step of a dense recurrence at a time, in place, on a CPU with numba: what ``dense_recurrence`` is for sequences.

h, m = gates(W x + b, U h + c, h, m)
"""

from typing import Any

import torch
from torch import Tensor

from statewise.ops.compiled.compiler import as_array


class DenseStepping:
    """The recurrence at work on its own h and m; a step costs some microseconds and allocates nothing.

    Args:
        gates: of the cell, from ``statewise.ops.gates``.
        weight_in: W ``(G H, D)``.
        bias_in: b ``(G H,)``.
        weight: U ``(R H, H)``.
        bias: c ``(R H,)``.
        h: ``(B, H)``, where it starts.
        m: ``(B, M, H)``, where it starts.

    Everything is copied: it goes on with the weights as they are now.

    >>> from statewise.ops.gates.gru import GRUGates
    >>> weight_in, weight, bias, h = torch.zeros(12, 3), torch.zeros(12, 4), torch.zeros(12), torch.ones(2, 4)
    >>> stepping = DenseStepping(GRUGates(), weight_in, bias, weight, bias, h, h.new_empty(2, 0, 4))
    >>> [stepping(torch.zeros(2, 3))[0].tolist() for _ in range(2)]
    [[0.5, 0.5, 0.5, 0.5], [0.25, 0.25, 0.25, 0.25]]
    """

    def __init__(
        self, gates: Any, weight_in: Tensor, bias_in: Tensor, weight: Tensor, bias: Tensor, h: Tensor, m: Tensor
    ) -> None:
        from statewise.ops.compiled.stepping import step

        batch, width = h.shape
        self.h, self.m = (part.detach().clone(memory_format=torch.contiguous_format) for part in (h, m))
        self._step = step
        self._gates = type(gates)(*(as_array(part.clone()) for part in gates))
        weights = (weight_in.t(), bias_in, weight.t(), bias)
        rooms = (
            (batch, len(bias_in) // width, width),
            (batch, len(bias) // width, width),
            h.shape,
            m.shape,
            (gates.sizes().saved, width),
        )
        self._arrays = [as_array(part.clone(memory_format=torch.contiguous_format)) for part in weights]
        self._arrays += [self.h.numpy(), self.m.numpy(), *(h.new_empty(room).numpy() for room in rooms)]

    def __call__(self, x: Tensor) -> Tensor:
        """h after the next step ``x (B, D)``: the same tensor every time, overwritten by the next call.

        Raises:
            ValueError: if x has another shape or dtype.
        """
        expected = (self.h.shape[0], self._arrays[0].shape[0])
        if x.shape != expected or x.dtype != self.h.dtype:
            mend = f"pass x.to({self.h.dtype})" if x.shape == expected else "pass a row of x for each of its state"
            raise ValueError(f"this stream reads {self.h.dtype} {expected}, got {x.dtype} {tuple(x.shape)}; {mend}")
        self._step(self._gates, as_array(x), *self._arrays)
        return self.h
