"""Outputs of a recurrence by kernels that keep the state before every few steps and make the others again going back.

A kernel here is whatever computes outside torch: a loop compiled for a CPU, Triton's on a GPU.
"""

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor

from statewise.ops.transforms import refuse_further_derivatives


class Kernels(Protocol):
    """Both ways of an operation, on one kind of device."""

    @property
    def forward(self) -> Callable[..., tuple[Tensor, Tensor, Tensor]]:
        """``(*arguments) -> (outputs, last state, states that are kept)``."""

    @property
    def gradients(self) -> Callable[..., tuple[Tensor, ...]]:
        """``(cotangents of outputs, of the last state, *arguments, states that were kept) -> (one an argument)``."""


def checkpointed(operation: str, kernels: Kernels, *arguments: Tensor) -> tuple[Tensor, Tensor]:
    """Outputs and the last state, which have first derivatives; of others it says that ``operation`` has none."""
    outputs: tuple[Tensor, Tensor] = _Checkpointed.apply(operation, kernels, *arguments)
    return outputs


class _Checkpointed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, operation: str, kernels: Kernels, *arguments: Tensor) -> tuple[Tensor, Tensor]:
        y, last, kept = kernels.forward(*arguments)
        ctx.operation, ctx.kernels = operation, kernels
        ctx.save_for_backward(*arguments, kept)
        return y, last

    @staticmethod
    def backward(ctx: Any, dy: Tensor, d_last: Tensor) -> tuple[Tensor | None, ...]:
        refuse_further_derivatives(ctx.operation)
        return None, None, *ctx.kernels.gradients(dy, d_last, *ctx.saved_tensors)
