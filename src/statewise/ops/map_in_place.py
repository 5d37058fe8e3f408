"""Maps of one time step in a stream, of whatever rows come."""

from collections.abc import Callable, Sequence
from functools import lru_cache

import torch
from torch import Tensor

from statewise.contract.stepper import Map
from statewise.ops.compiled.compiler import compiled_loops_serve
from statewise.ops.in_place import InPlace, held

FORMS_KEPT = 8
"""Numbers of rows for which loops are kept"""


def map_in_place(otherwise: Map, weights: Sequence[Tensor], width: int, describe: Callable[..., Tensor]) -> Map:
    """A map by compiled loops that allocate nothing and overwrite what they put out, where loops serve these weights.

    It goes on with the weights as they are now. What has another dtype or other axes than ``(B, D)`` goes the old way.

    Args:
        otherwise: the map as it is.
        weights: of one dtype.
        width: D, of what it reads.
        describe: goes through the map on rooms, ``(stream, *weights)``, and returns the room of the output.

    >>> double = map_in_place(abs, [torch.ones(2, 3)], 3, lambda stream, weight: stream.affine(stream.x, weight))
    >>> double(torch.ones(1, 3)), double(-torch.ones(1, 2))
    (tensor([[3., 3.]]), tensor([[1., 1.]]))
    """
    dtypes = {weight.dtype for weight in weights}
    if len(dtypes) > 1 or not compiled_loops_serve(*weights, dtypes=dtypes & {torch.float32, torch.float64}):
        return otherwise
    (dtype,) = dtypes
    copies = [held(weight) for weight in weights]

    @lru_cache(FORMS_KEPT)
    def made(rows: int) -> InPlace:
        with torch.inference_mode(False), torch.no_grad():
            stream = InPlace(rows, width, dtype)
            stream.ready(describe(stream, *copies), list)
        return stream

    def run(x: Tensor) -> Tensor:
        if x.dtype != dtype or x.dim() != 2 or x.shape[1] != width:
            return otherwise(x)
        return made(len(x))(x)

    return run
