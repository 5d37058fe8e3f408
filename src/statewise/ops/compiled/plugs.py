"""What numba puts in the place of functions that compiled loops call: elementary functions and norms.

Importing this module tells numba; a loop that calls one of them, or has parts plugged in with ``plain``, imports it.
"""

from types import FunctionType
from typing import Any

from numba import types
from numba.extending import overload, register_jitable

from statewise.ops.cells import qrnn
from statewise.ops.chains import backbone
from statewise.ops.compiled.compiler import ELEMENTWISE, SUMMING
from statewise.ops.compiled.elementary import VARIANTS
from statewise.ops.compiled.norm import normalise, normalise_back
from statewise.ops.gates.parts import PARTS


def plain(function: Any) -> Any:
    """A function without annotations, which numba would compare with those of what it stands for."""
    return FunctionType(function.__code__, function.__globals__, function.__name__)


def _by_precision(single: Any, double: Any) -> Any:
    def choose(x):  # type: ignore[no-untyped-def]
        return single if x == types.float32 else double

    return choose


def _plug_in() -> None:
    for norm in (normalise, normalise_back):
        register_jitable(forceinline=True, **SUMMING)(norm)
    for part in (*PARTS, *qrnn.PARTS, *backbone.PARTS):
        register_jitable(forceinline=True, **ELEMENTWISE)(part)
    for function, single, double in VARIANTS:
        overload(function, jit_options=ELEMENTWISE)(_by_precision(plain(single), plain(double)))


_plug_in()
