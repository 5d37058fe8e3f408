"""One step of a dense nonlinear recurrence in place, for streams: nothing is allocated and the state is overwritten."""

from typing import Any

import numpy as np

from statewise.ops.compiled.compiler import jit
from statewise.ops.compiled.dense import advance
from statewise.ops.compiled.product import add_product

Array = np.ndarray[Any, Any]
_add_product = jit(add_product)
"""Compiled into the step: to be handed it, as the loops over a sequence are, costs more than the step"""


@jit
def step(
    gates: Any, x: Array, w: Array, b: Array, u: Array, c: Array, h: Array, m: Array,
    driven: Array, recurrent: Array, h_next: Array, m_next: Array, saved: Array,
) -> None:  # fmt: skip
    """h, m = gates(W x + b, U h + c, h, m).

    Args:
        gates: arrays of the gates' own weights.
        x: ``(B, D)``.
        w: W transposed, ``(D, G H)``.
        b: ``(G H,)``.
        u: U transposed, ``(H, R H)``.
        c: ``(R H,)``.
        h: ``(B, H)``, overwritten.
        m: ``(B, M, H)``, overwritten.
        driven: ``(B, G, H)``, room to work in.
        recurrent: ``(B, R, H)``, room to work in.
        h_next: ``(B, H)``, room to work in.
        m_next: ``(B, M, H)``, room to work in.
        saved: ``(K, H)``, room to work in.
    """
    flat_driven, flat_recurrent = driven.reshape(h.shape[0], -1), recurrent.reshape(h.shape[0], -1)
    for row in range(h.shape[0]):
        flat_driven[row] = b
        flat_recurrent[row] = c
    _add_product(x, w, flat_driven)
    _add_product(h, u, flat_recurrent)
    for row in range(h.shape[0]):
        advance(gates, driven[row], recurrent[row], h[row], m[row], h_next[row], m_next[row], saved)
    h[:] = h_next
    m[:] = m_next
