"""Tensors handed to loops by their addresses, which takes a twentieth of a microsecond; as arrays, more than a half."""

from typing import Any

import numba
import numpy as np
import torch
from numba.extending import intrinsic
from torch import Tensor

from statewise.ops.compiled.compiler import as_array, jit

Array = np.ndarray[Any, Any]
KINDS = {dtype: torch.empty(0, dtype=dtype).numpy() for dtype in (torch.float32, torch.float64)}
KINDS |= {dtype: torch.empty(0, dtype=dtype).numpy() for dtype in (torch.complex64, torch.complex128)}
"""An array of each dtype that loops know, to tell them whose numbers lie at an address"""


def laid_out(tensor: Tensor) -> Tensor:
    """The same numbers as they are, one beside the next: what an address leads to.

    Whoever takes the address holds on to this tensor until the loop has ended.
    """
    if tensor.is_conj() or tensor.is_neg() or tensor._is_zerotensor():
        return torch.from_numpy(as_array(tensor))
    return tensor.contiguous()


def _build_pointer(_context, address, kind):  # type: ignore[no-untyped-def]
    def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return numba.types.CPointer(kind.dtype)(address, kind), build


_pointer: Any = intrinsic(_build_pointer)


@jit
def array_at(address: int, kind: Array, size: int) -> Array:
    """Inside a loop: the array of so many numbers of this kind that begins at an address."""
    found: Array = numba.carray(_pointer(address, kind), (size,))
    return found


@jit
def address_of(array: Array) -> int:
    """Inside a loop: where an array begins, which has to be named again after the last use of its address."""
    return int(np.int64(array.ctypes.data))
