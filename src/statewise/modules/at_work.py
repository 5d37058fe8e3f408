"""Maps of one time step at work in a stream."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from statewise.contract.stepper import Map
from statewise.ops.compiled.compiler import compiled_loops_serve
from statewise.ops.in_place import InPlace


class MapAtWork:
    """A map by compiled loops that allocate nothing, made for the rows that come; where loops do not serve, as it is.

    It holds the weights as they were when rows of this number and dtype came first, and overwrites what it put out.

    Args:
        otherwise: the map as it is.
        weights: all of its weights.
        width: of what it reads.
        describe: goes through the map on rooms and returns that of the output.

    >>> weight = torch.ones(2, 3)
    >>> double = MapAtWork(lambda x: x @ weight.t(), [weight], 3, lambda stream: stream.affine(stream.x, weight))
    >>> double(torch.ones(1, 3))
    tensor([[3., 3.]])
    """

    def __init__(
        self, otherwise: Map, weights: Sequence[Tensor], width: int, describe: Callable[[InPlace], Tensor]
    ) -> None:
        self._otherwise = otherwise
        self._weights = weights
        self._width = width
        self._describe = describe
        self._reads: tuple[Any, ...] = ()
        self._run = otherwise

    def __call__(self, x: Tensor) -> Tensor:
        reads = x.shape, x.dtype
        if reads != self._reads:
            self._reads, self._run = reads, self._made_for(x)
        return self._run(x)

    def _made_for(self, x: Tensor) -> Map:
        dtypes = {x.dtype} & {torch.float32, torch.float64}
        if x.shape[1:] != (self._width,) or not compiled_loops_serve(x, *self._weights, dtypes=dtypes):
            return self._otherwise
        with torch.inference_mode(False), torch.no_grad():
            stream = InPlace(len(x), self._width, x.dtype)
            stream.ready(self._describe(stream), list)
        return stream
