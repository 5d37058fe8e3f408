"""Streams of cells whose only product with their state is one matrix."""

from typing import Any

import torch
from torch import Tensor

from statewise import tree
from statewise.autocast import autocasts
from statewise.contract import Input, PlainStepper, SequenceLayer, Stepper, values_of
from statewise.ops.compiled.compiler import compiled_loops_serve
from statewise.ops.dense_stepping import DenseStepping
from statewise.tree import State


class DenseStepper(Stepper):
    """Steps in place by a compiled loop. Side outputs are not recorded.

    Args:
        stepping: the recurrence at work.
        state: one of the layer's, for its structure.
    """

    def __init__(self, stepping: DenseStepping, state: State) -> None:
        self._stepping = stepping
        self._structure = tree.detach(state)

    def __call__(self, x: Input) -> Tensor:
        values = values_of(x)
        try:
            return self._stepping(values)
        except ValueError:
            kept = self._stepping.h.dtype
            if values.dtype == kept or not (values.is_floating_point() and autocasts(values)):
                raise
            return self._stepping(values.to(kept)).to(values.dtype)

    @property
    def state(self) -> State:
        leaves = iter([self._stepping.h, *self._stepping.m.unbind(1)])
        return tree.map(lambda _: next(leaves).clone(), self._structure)


def dense_stepper(
    layer: SequenceLayer, state: State, gates: Any, weights: tuple[Tensor, Tensor, Tensor, Tensor]
) -> Stepper:
    """A stream from ``state`` on by the compiled loop, where it can run, else by ``step``.

    Args:
        layer: whose ``step`` it equals.
        state: its leaves are h ``(B, H)``, then the memory beside it, as wide.
        gates: of the cell, from ``statewise.ops.gates``.
        weights: W ``(G H, D)``, b ``(G H,)``, U ``(R H, H)`` and c ``(R H,)`` of ``DenseStepping``.
    """
    h, *memory = tree.leaves(state)
    if not compiled_loops_serve(h, *memory, *weights, *gates):
        return PlainStepper(layer, state)
    m = torch.stack(memory, dim=1) if memory else h.new_empty(len(h), 0, h.shape[1])
    return DenseStepper(DenseStepping(gates, *weights, h, m), state)
