"""A layer's ``step`` and ``stepper`` as everyone calls them: what is checked and kept around what a subclass writes."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from statewise import tree
from statewise.contract.fitting import FAILURES, input_misfit
from statewise.contract.inputs import Input, Timed
from statewise.contract.stepper import Stepper
from statewise.contract.weights import weights_held
from statewise.tree import State

if TYPE_CHECKING:
    from statewise.contract.sequence import SequenceLayer

Step = Callable[[Any, Any, State], tuple[Tensor, State]]
Enter = Callable[[Any, State], Stepper]


def guarded_step(step: Step) -> Step:
    """Fed what the layer reads; its output has the rows and dtype of the input, its state those of the state before.

    That one has the dtypes of ``initial_state``.
    """

    @wraps(step)
    def guarded(self: "SequenceLayer", x: Input, state: State) -> tuple[Tensor, State]:
        values = x.values if isinstance(x, Timed) else x
        shape = values.shape
        other = len(shape) != self._step_axes or values.is_floating_point() is not self._reads_vectors
        if other and type(self).step is guarded:  # the step of a class above may read something else
            raise ValueError(input_misfit(self, values, 1))
        if self.reads_time or isinstance(x, Timed):
            x = self.as_read(x, axes=1)
        try:
            if self.training and self._modules:
                with weights_held():
                    y, after = step(self, x, state)
            else:
                y, after = step(self, x, state)
            if y.shape[0] != shape[0]:
                raise ValueError(f"a step of {type(self).__name__} puts out {len(y)} rows for {len(values)}")
            if not tree.alike(after, state, self._state_form):
                after = self._closed(after, state, shape[0] if type(self).step is guarded else None)
        except FAILURES as error:
            if type(self).step is guarded and (misfit := self._misfit(values, state, 1)) is not None:
                raise ValueError(misfit) from error
            raise
        return y if y.dtype == values.dtype else self._in_its_dtype(y, values, state, 1), after

    return guarded


def guarded_stepper(stepper: Enter) -> Enter:
    """Handed no state that is not the layer's: compiled loops would take any. What it holds has no gradients."""

    @wraps(stepper)
    def guarded(self: "SequenceLayer", state: State) -> Stepper:
        self._check_state(state, rows_of(state), start="initial_state(rows)")
        with torch.no_grad():
            return stepper(self, state)

    return guarded


def rows_of(state: State) -> int:
    """How many rows a state seems to have."""
    leaves = tree.leaves(state)
    return len(leaves[0]) if leaves and isinstance(leaves[0], Tensor) and leaves[0].dim() else 0
