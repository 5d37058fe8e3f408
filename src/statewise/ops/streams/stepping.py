"""A recurrence one step at a time, in place, on a CPU with numba: what operations on whole sequences are for streams.

It is made of the gates of ``dense_recurrence`` by ``dense_stepping``, of those of ``chained_recurrence`` by
``chained_stepping``.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from torch import Tensor

from statewise.ops.compiled.compiler import as_array, code_of
from statewise.ops.in_place import held, misread
from statewise.ops.shapes import Shapes


class Stepping:
    """At work on its own state; a step costs some microseconds and allocates nothing.

    Args:
        loop: the compiled step; it takes the kinds, x and then the arrays.
        kinds: arrays of the kinds that are plugged into it.
        leaves: h ``(B, H)``, which is the output, and what else it overwrites, in the order of a layer's state.
        elapsed: ``(B,)``, read at every step by recurrences in time; ``None`` where it reads none.
        arrays: all else that the loop takes, the first W transposed ``(D, A)``.
    """

    def __init__(
        self, loop: Any, kinds: Sequence[Any], leaves: Sequence[Tensor], elapsed: Tensor | None, arrays: Sequence[Any]
    ) -> None:
        self.leaves = leaves
        self.elapsed = elapsed
        x = as_array(leaves[0].new_empty(len(leaves[0]), len(arrays[0])))
        self._step = partial(code_of(loop, *kinds, x, *arrays), *kinds)
        self._arrays = arrays
        self._h = leaves[0]
        self._reads = (len(self._h), len(arrays[0]))

    def __call__(self, x: Tensor) -> Tensor:
        """h after the next step ``x (B, D)``: the same tensor every time, overwritten by the next call.

        Raises:
            ValueError: if x has another shape or dtype.
        """
        if x.shape != self._reads or x.dtype != self._h.dtype:
            raise ValueError(misread(x, self._reads, self._h.dtype))
        self._step(as_array(x), *self._arrays)
        return self._h


def owned_kind(kind: Any) -> Any:
    """Gates, a feed or a hold whose tensors nobody else has."""
    return type(kind)(*map(held, kind))


def arrays_of(kind: Any) -> Any:
    """The same kind, of the same memory, as loops take it."""
    return type(kind)(*map(as_array, kind))


def carried(*kinds: Any) -> list[Tensor]:
    """What of these kinds is part of a layer's state."""
    return [getattr(kind, name) for kind in kinds for name in kind.form().carried]


Named = dict[str, tuple[str, Tensor]]
"""Axes and tensor of each argument"""


def check(operation: str, first: Named, kinds: dict[str, Any], last: Named, known: Mapping[str, int]) -> None:
    """Hold tensors to their axes, those of each kind to what it says: loops go through memory by few of them.

    Raises:
        ValueError: if one does not fit.
    """
    inside = {
        f"{name}.{field}": (of, tensor)
        for name, (kind, axes) in kinds.items()
        for field, of, tensor in zip(kind._fields, axes, kind, strict=True)
    }
    all_of_them = {**first, **inside, **last}
    shapes = Shapes(operation, {name: axes for name, (axes, _) in all_of_them.items()})
    shapes.check(*(tensor for _, tensor in all_of_them.values()), known=known)
