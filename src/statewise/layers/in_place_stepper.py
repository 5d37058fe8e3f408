"""Streams of layers whose step is a few compiled loops over memory of their own: what all families share."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from statewise import tree
from statewise.autocast import autocasts
from statewise.contract import Input, PlainStepper, SequenceLayer, Stepper, Vectors, altered, values_of
from statewise.ops.compiled.compiler import compiled_loops_serve
from statewise.ops.in_place import InPlace
from statewise.tree import State


class AtWork(Protocol):
    """An operation at work on a state of its own, which it overwrites: of ``statewise.ops``."""

    @property
    def leaves(self) -> Sequence[Tensor]:
        """Those of the layer's state, in its order, as they stand."""

    def __call__(self, x: Tensor) -> Tensor:
        """One step ``x (B, D)``. Raises ``ValueError`` where x has another shape or dtype."""


class InPlaceStepper(Stepper):
    """Steps in place by compiled loops. Side outputs are not recorded.

    Args:
        at_work: what steps.
        state: one of the layer's, for its structure.
    """

    def __init__(self, at_work: AtWork, state: State) -> None:
        self._at_work = at_work
        self._structure = tree.detach(state)

    def __call__(self, x: Input) -> Tensor:
        values = values_of(x)
        try:
            return self._at_work(values)
        except ValueError:
            kept = self._at_work.leaves[0].dtype
            if values.dtype == kept or not (values.is_floating_point() and autocasts(values)):
                raise
            return self._at_work(values.to(kept)).to(values.dtype)

    @property
    def state(self) -> State:
        leaves = iter(self._at_work.leaves)
        return tree.map(lambda _: next(leaves).clone(), self._structure)


def in_place_stepper(layer: SequenceLayer, state: Any, describe: Callable[[InPlace, Any], None]) -> Stepper:
    """A stream from ``state`` on by compiled loops, where they serve this layer and its state, else by ``step``.

    Args:
        layer: of vectors, whose ``step`` it equals.
        state: where it starts.
        describe: goes through the step on rooms; called where weights and state are plain numbers of one real dtype.
    """
    leaves, form = tree.leaves(state), layer.input_form
    if not (isinstance(form, Vectors) and loops_serve(layer, leaves) and len({leaf.dtype for leaf in leaves}) == 1):
        return PlainStepper(layer, state)
    with torch.inference_mode(False), torch.no_grad():
        stream = InPlace(len(leaves[0]), form.size, leaves[0].dtype)
        describe(stream, state)
    return InPlaceStepper(stream, state)


def loops_serve(layer: SequenceLayer, leaves: Sequence[Tensor]) -> bool:
    """Whether compiled loops can go on from these leaves of a state: plain numbers, as weights and the first leaf are.

    Those two are of one real dtype, in single or double precision.
    """
    dtype = leaves[0].dtype
    return (
        dtype in (torch.float32, torch.float64)
        and not altered(layer)
        and compiled_loops_serve(*layer.parameters(), dtypes=(dtype,))
        and compiled_loops_serve(*leaves, dtypes={leaf.dtype for leaf in leaves})
    )
