"""One step of a nonlinear recurrence in place, for streams: nothing is allocated and the state is overwritten.

What becomes of the input before gates take it, and what stays as it was after them, ``statewise.ops.streams`` says in
``feeds`` and ``holds``; both are compiled into the step, as the gates are.
"""

from typing import Any

import numpy as np
from numba.extending import overload

from statewise.ops.compiled import chained, dense
from statewise.ops.compiled.compiler import ELEMENTWISE, jit
from statewise.ops.compiled.plugs import plain
from statewise.ops.compiled.product import product_inside
from statewise.ops.gates.parts import copy

Array = np.ndarray[Any, Any]


def feed(feed: Any, row: int, a: Array, x: Array) -> None:
    """``kind.feed``, chosen by the kind when the step is compiled."""
    raise NotImplementedError


def hold(hold: Any, row: int, h: Array, m: Array, h_next: Array, m_next: Array) -> None:
    """``kind.hold``, chosen by the kind when the step is compiled."""
    raise NotImplementedError


@jit
def dense_step(
    gates: Any, feeding: Any, holding: Any, x: Array, w: Array, b: Array, u: Array, c: Array, h: Array, m: Array,
    read: Array, driven: Array, recurrent: Array, h_next: Array, m_next: Array, saved: Array,
) -> None:  # fmt: skip
    """h, m = gates(W x + b, U h + c, h, m).

    Args:
        gates: arrays of the gates' own weights.
        feeding: arrays of the kind of feed.
        holding: arrays of the kind of hold.
        x: ``(B, D)``.
        w: W transposed, ``(D, P)``.
        b: ``(P,)``.
        u: U transposed, ``(H, R H)``.
        c: ``(R H,)``.
        h: ``(B, H)``, overwritten.
        m: ``(B, M, H)``, overwritten.
        read: ``(B, P)``, room to work in.
        driven: ``(B, G, H)``, room to work in; the memory of ``read`` where the feed leaves it as it is.
        recurrent: ``(B, R, H)``, room to work in.
        h_next: ``(B, H)``, room to work in.
        m_next: ``(B, M, H)``, room to work in.
        saved: ``(K, H)``, room to work in.
    """
    flat_driven, flat_recurrent = driven.reshape(h.shape[0], -1), recurrent.reshape(h.shape[0], -1)
    for row in range(h.shape[0]):
        copy(b, read[row])
        copy(c, flat_recurrent[row])
    product_inside(x, w, read)
    product_inside(h, u, flat_recurrent)
    for row in range(h.shape[0]):
        feed(feeding, row, read[row], flat_driven[row])
        dense.advance(gates, driven[row], recurrent[row], h[row], m[row], h_next[row], m_next[row], saved)
        hold(holding, row, h[row], m[row], h_next[row], m_next[row])
    for row in range(h.shape[0]):
        copy(h_next[row], h[row])
        for i in range(m.shape[1]):
            copy(m_next[row, i], m[row, i])


@jit
def chained_step(
    gates: Any, feeding: Any, chain: Array, x: Array, w: Array, b: Array, weights: Any, h: Array, m: Array,
    read: Array, driven: Array, u: Any, v: Any, h_next: Array, m_next: Array, saved: Array,
) -> None:  # fmt: skip
    """One step of ``statewise.ops.chained_recurrence``.

    Args:
        gates: arrays of the gates' own weights.
        feeding: arrays of the kind of feed.
        chain: ``(S,)``, the matrix of each product.
        x: ``(B, D)``.
        w: W transposed, ``(D, P)``.
        b: ``(P,)``.
        weights: the matrices of the chain, transposed.
        h: ``(B, H)``, overwritten.
        m: ``(B, M)``, overwritten.
        read: ``(B, P)``, room to work in.
        driven: ``(B, X)``, room to work in; the memory of ``read`` where the feed leaves it as it is.
        u: room to work in, ``(B, .)`` for the product with each matrix.
        v: room to work in, ``(B, .)`` for what each matrix is multiplied with.
        h_next: ``(B, H)``, room to work in.
        m_next: ``(B, M)``, room to work in.
        saved: ``(B, K)``, room to work in.
    """
    last = chain.shape[0] - 1
    for row in range(h.shape[0]):
        copy(b, read[row])
    product_inside(x, w, read)
    for row in range(h.shape[0]):
        feed(feeding, row, read[row], driven[row])
    for stage in range(chain.shape[0]):
        product = u[chain[stage]]
        product[:] = 0
        product_inside(v[chain[stage]] if stage else h, weights[chain[stage]], product)
        out = h_next if stage == last else v[chain[stage + 1]]
        for row in range(h.shape[0]):
            chained.advance(
                gates, stage, driven[row], product[row], h[row], m[row], out[row], m_next[row], saved[row]
            )  # fmt: skip
    for row in range(h.shape[0]):
        copy(h_next[row], h[row])
        copy(m_next[row], m[row])


def _plug_in() -> None:
    """Tell numba what stands for ``feed`` and ``hold``."""

    @overload(feed, jit_options=ELEMENTWISE)
    def choose_feed(feed, row, a, x):  # type: ignore[no-untyped-def]
        return plain(feed.instance_class.feed)

    @overload(hold, jit_options=ELEMENTWISE)
    def choose_hold(hold, row, h, m, h_next, m_next):  # type: ignore[no-untyped-def]
        return plain(hold.instance_class.hold)


_plug_in()
