"""The loops of a dense nonlinear recurrence over all steps and rows, forward and back, for gates of any kind.

    u_t = U (mask * h_{t-1}) + b,    h_t, m_t = gates(x_t, u_t, h_{t-1}, m_{t-1})

A kind of gates says what happens number by number, ``advance`` and ``retreat``, and is compiled into the loops; see
``statewise.ops.gates``. The product with U is one small matrix product a step; that of U's gradient one large one after
the loop, outside. Letters: T steps, B rows, H width, G and R vectors in x and u, M in the memory beside h, K kept for
the way back.
"""

from typing import Any

import numpy as np
from numba.extending import overload

from statewise.ops.compiled.compiler import ELEMENTWISE, jit
from statewise.ops.compiled.copying import copy_rows
from statewise.ops.compiled.plugs import plain
from statewise.ops.gates.parts import copy, stay_all

Array = np.ndarray[Any, Any]


def advance(gates: Any, x: Array, u: Array, h: Array, m: Array, h_next: Array, m_next: Array, saved: Array) -> None:
    """``gates.advance``, chosen by the kind of gates when the loop is compiled."""
    raise NotImplementedError


def retreat(gates: Any, dh: Array, dm: Array, saved: Array, h: Array, m: Array, dx: Array, du: Array, dg: Any) -> None:
    """``gates.retreat``, chosen by the kind of gates when the loop is compiled."""
    raise NotImplementedError


@jit
def forward(
    add_product: Any, gates: Any, x: Array, w: Array, b: Array, h0: Array, m0: Array, keep: Array, mask: Array,
    anew: Array, begin: Array, h: Array, m: Array, saved: Array,
) -> None:  # fmt: skip
    """Writes ``h (T, B, H)``, ``m (T, B, M, H)`` and ``saved (T, B, K, H)``.

    Where m and saved are shorter, they hold the latest steps alone, step t at place t modulo their length.

    Args:
        add_product: from ``product_of``.
        gates: arrays of the gates' own weights.
        x: ``(T, B, G, H)``.
        w: U transposed, ``(H, R H)``.
        b: ``(R H,)``.
        h0: ``(B, H)``.
        m0: ``(B, M, H)``.
        keep: ``(T or 1, B or 1, 1 + M, H)``, how much of h and m stays as it was; without a step, nothing does.
        mask: ``(B or 1, H)``; without a row, all ones.
        anew: ``(T, B)`` bool, before which steps a row begins anew, h as zeros; without a step, none.
        begin: ``(M,)``, what m is then.
    """
    u = np.empty((h0.shape[0], b.shape[0]), x.dtype)
    by_gate = u.reshape(h0.shape[0], -1, h0.shape[1])
    h_before, m_before = h0, m0
    h_anew, m_anew = np.empty_like(h0), np.empty_like(m0)
    for t in range(x.shape[0]):
        if anew.shape[0] and anew[t].any():
            _begin(anew[t], begin, h_before, m_before, h_anew, m_anew)
            h_before, m_before = h_anew, m_anew
        m_now, kept = m[t % m.shape[0]], saved[t % saved.shape[0]]
        for row in range(u.shape[0]):
            copy(b, u[row])
        add_product(_masked(h_before, mask), w, u)
        for row in range(u.shape[0]):
            advance(gates, x[t, row], by_gate[row], h_before[row], m_before[row], h[t, row], m_now[row], kept[row])
        if keep.shape[0]:
            share = keep[t % keep.shape[0]]
            for row in range(u.shape[0]):
                stay_all(share[row % share.shape[0]], h_before[row], m_before[row], h[t, row], m_now[row])
        h_before, m_before = h[t], m_now


@jit
def backward(
    add_product: Any, gates: Any, w: Array, h: Array, m: Array, saved: Array, h0: Array, m0: Array, keep: Array,
    mask: Array, anew: Array, begin: Array, dy: Array, dm_last: Array, dx: Array, du: Array, dh: Array, dm: Array,
    dg: Any,
) -> None:  # fmt: skip
    """The cotangents of x, u, h0, m0 and the gates' weights, from those of all h, ``dy (T, B, H)``, and of the last m.

    ``w`` is U as it is, ``(R H, H)``. ``dx`` may be ``du`` where gates take the sum of both alone.
    """
    dh[:] = 0
    for row in range(dm.shape[0]):
        copy_rows(dm_last[row], dm[row])
    back, kept_h, kept_m = np.zeros_like(dh), np.zeros_like(dh), np.zeros_like(dm)
    h_begin, m_begin = np.zeros(dh.shape[1], dh.dtype), np.empty(dm.shape[1:], dm.dtype)
    for i in range(begin.shape[0]):
        m_begin[i] = begin[i]
    for t in range(h.shape[0] - 1, -1, -1):
        h_before, m_before = (h[t - 1], m[t - 1]) if t > 0 else (h0, m0)
        _add(dy[t], dh)
        if keep.shape[0]:
            share = keep[t % keep.shape[0]]
            for row in range(dh.shape[0]):
                _part(share[row % share.shape[0]], dh[row], dm[row], kept_h[row], kept_m[row])
        for row in range(dh.shape[0]):
            h_row, m_row = h_before[row], m_before[row]
            if anew.shape[0] and anew[t, row]:
                h_row, m_row = h_begin, m_begin
            retreat(gates, dh[row], dm[row], saved[t, row], h_row, m_row, dx[t, row], du[t, row], dg)
        back[:] = 0
        add_product(du[t].reshape(dh.shape[0], -1), w, back)
        _add(_masked(back, mask), dh)
        if keep.shape[0]:
            _add(kept_h, dh)
            for row in range(dm.shape[0]):
                _add(kept_m[row], dm[row])
        if anew.shape[0]:
            _end(anew[t], dh, dm)


@jit
def _end(anew: Array, dh: Array, dm: Array) -> None:
    """No cotangent passes to what rows held that begin anew."""
    for row in range(dh.shape[0]):
        if anew[row]:
            dh[row] = 0
            for i in range(dm.shape[1]):
                dm[row, i] = 0


@jit
def _begin(anew: Array, begin: Array, h: Array, m: Array, h_anew: Array, m_anew: Array) -> None:
    """A copy in which rows that begin anew are zeros, their memory ``begin``."""
    for row in range(h.shape[0]):
        if anew[row]:
            h_anew[row] = 0
            for i in range(m.shape[1]):
                m_anew[row, i] = begin[i]
        else:
            copy(h[row], h_anew[row])
            copy_rows(m[row], m_anew[row])


@jit
def _masked(h: Array, mask: Array) -> Array:
    if not mask.shape[0]:
        return h
    masked = np.empty_like(h)
    for row in range(h.shape[0]):
        factor = mask[row % mask.shape[0]]
        for j in range(h.shape[1]):
            masked[row, j] = h[row, j] * factor[j]
    return masked


@jit
def _add(added: Array, to: Array) -> None:
    for row in range(to.shape[0]):
        for j in range(to.shape[1]):
            to[row, j] += added[row, j]


@jit
def _part(keep: Array, dh: Array, dm: Array, kept_h: Array, kept_m: Array) -> None:
    """Cotangents of what was mixed: of the old values into ``kept``, of the new ones in place."""
    for j in range(dh.shape[0]):
        kept_h[j] = keep[0, j] * dh[j]
        dh[j] -= kept_h[j]
    for i in range(dm.shape[0]):
        for j in range(dh.shape[0]):
            kept_m[i, j] = keep[i + 1, j] * dm[i, j]
            dm[i, j] -= kept_m[i, j]


def _plug_in() -> None:
    """Tell numba what stands for ``advance`` and ``retreat``."""

    @overload(advance, jit_options=ELEMENTWISE)
    def choose_advance(gates, x, u, h, m, h_next, m_next, saved):  # type: ignore[no-untyped-def]
        return plain(gates.instance_class.advance)

    @overload(retreat, jit_options=ELEMENTWISE)
    def choose_retreat(gates, dh, dm, saved, h, m, dx, du, dg):  # type: ignore[no-untyped-def]
        return plain(gates.instance_class.retreat)


_plug_in()
