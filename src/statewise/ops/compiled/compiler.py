"""When a loop compiled by numba may run, and how it is compiled.

The first call of a loop compiles it, once for each dtype, in a second or two; the machine code is kept beside the
source, or in the user's cache folder where that cannot be written, and later processes load it until a source that it
is made of changes. The number of rows and steps is an argument: another one compiles nothing.
"""

import warnings
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn
from torch._C import _len_torch_dispatch_stack
from torch.compiler import is_compiling

from statewise.ops.compiled.sources import keep_with_sources
from statewise.ops.transforms import inside_transform

FAST = {"contract", "nsz"}
"""Liberties with arithmetic: a product and a sum may be rounded once, and zero has no sign"""
ELEMENTWISE: Any = {"error_model": "numpy", "fastmath": FAST}
"""Options of what works number by number"""
SUMMING: Any = {"error_model": "numpy", "fastmath": FAST | {"reassoc"}}
"""Options of what adds up many numbers, in whatever order"""
PLAIN = (Tensor, nn.Parameter)
DTYPES = (torch.float32, torch.float64, torch.complex64, torch.complex128)

_allowed: ContextVar[bool] = ContextVar("compiled_loops_allowed", default=True)


@contextmanager
def without_compiled_loops() -> Iterator[None]:
    """Inside the ``with`` block, operations are made of torch's own, as where numba is not installed."""
    token = _allowed.set(False)
    try:
        yield
    finally:
        _allowed.reset(token)


def compiled_loops_serve(*tensors: Tensor, dtypes: Collection[torch.dtype] = DTYPES) -> bool:
    """Whether compiled loops can work on these tensors, here and now.

    They take plain numbers on a CPU, most of them real or complex in single or double precision. What torch traces,
    counts, maps over or follows with tangents has to be made of torch's own operations.
    """
    if not _allowed.get() or is_compiling() or _len_torch_dispatch_stack():
        return False
    for tensor in tensors:
        if type(tensor) not in PLAIN or not tensor.is_cpu or tensor.dtype not in dtypes:
            return False
    return not inside_transform() and installed()


@cache
def installed() -> bool:
    """Whether numba is there. One that does not import, as beside a NumPy too new for it, is none; it is said once."""
    if find_spec("numba") is None:
        return False
    try:
        import numba  # noqa: F401  whether it can be had
    except ImportError as error:
        warnings.warn(f"numba does not import ({error}); without it compiled loops do not run", stacklevel=2)
        return False
    return True


def jit(function: Callable[..., Any]) -> Callable[..., Any]:
    """A loop as machine code. Products and sums may be joined and reordered; NaN and infinity mean what they say,
    but for ``elementary.exp`` in single precision, whose argument is kept between -87 and 88.
    """
    import numba

    loop = numba.njit(nogil=True, **SUMMING)(function)
    try:
        loop.enable_caching()
    except RuntimeError:  # no folder can be written: every process compiles for itself
        return loop
    keep_with_sources(loop, function.__module__)
    return loop


def code_of(loop: Any, *arguments: Any) -> Callable[..., Any]:
    """The machine code of a loop for arguments like these, to be called with others of their types.

    It is compiled now, where it is not kept. A loop looks at the types of its arguments at every call, which takes a
    fifth of a small step; this looks at none.
    """
    import numba

    code: Callable[..., Any] = loop.compile(tuple(map(numba.typeof, arguments)))
    return code


def in_order(function: Callable[..., Any]) -> Callable[..., Any]:
    """A few sums that loops call by name and that stay in the order in which they are written."""
    from numba.extending import register_jitable

    found: Callable[..., Any] = register_jitable(forceinline=True, **ELEMENTWISE)(function)
    return found


def callback(function: Callable[..., Any], *arguments: Any) -> Any:
    """Machine code for these types of arguments, which loops are handed and call where it lies.

    What a loop calls by name is compiled again with each loop; of a large function that is most of the time.
    """
    import numba

    signature = numba.types.void(*arguments)
    try:
        return numba.cfunc(signature, cache=True, **SUMMING)(function)
    except RuntimeError:  # as above
        return numba.cfunc(signature, **SUMMING)(function)


def as_array(tensor: Tensor) -> Any:
    """The numbers of a tensor, contiguous, as loops take them; nothing is copied where they lie so already."""
    return tensor.contiguous().numpy(force=True)
