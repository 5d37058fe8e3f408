"""Streams of cells whose only product with their state is one matrix."""

from collections.abc import Callable

import torch
from torch import Tensor

from statewise import tree
from statewise.contract import Input, Stepper, values_of
from statewise.ops.dense_stepping import DenseStepping
from statewise.tree import State


class DenseStepper(Stepper):
    """Steps in place by a compiled loop. Side outputs are not recorded.

    Args:
        stepping: the recurrence at work.
        as_state: the layer's state from h ``(B, H)`` and the memory beside it ``(B, M, H)``.
    """

    def __init__(self, stepping: DenseStepping, as_state: Callable[[Tensor, Tensor], State]) -> None:
        self._stepping = stepping
        self._as_state = as_state

    def __call__(self, x: Input) -> Tensor:
        return self._stepping(values_of(x))

    @property
    def state(self) -> State:
        return tree.map(torch.clone, self._as_state(self._stepping.h, self._stepping.m))
