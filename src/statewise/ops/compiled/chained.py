"""The loops of a recurrence whose step is a chain of products, over all steps and rows, forward and back.

    u_s = W v_s,    v_{s+1} = gates(s, x_t, u_s, h_{t-1}, m_{t-1}),    v_0 = h_{t-1},    h_t = v_S

W is any of a few matrices, which the chain says. A kind of gates says what happens number by number after each product,
``advance`` and ``retreat``, and is compiled into the loops; see ``statewise.ops.chains``. The gradients of the matrices
are a large product each after the loop, outside. Letters: T steps, B rows, H width, S products a step, N of them with a
matrix, X numbers of x, M of memory, K kept for the way back.
"""

from typing import Any

import numpy as np
from numba.extending import overload

from statewise.ops.compiled.compiler import ELEMENTWISE, jit
from statewise.ops.compiled.copying import copy_rows
from statewise.ops.compiled.plugs import plain

Array = np.ndarray[Any, Any]


def advance(
    gates: Any, stage: int, x: Array, u: Array, h: Array, m: Array, out: Array, m_next: Array, saved: Array
) -> None:
    """``gates.advance``, chosen by the kind of gates when the loop is compiled.

    Of one row: writes v_{s+1} to ``out``, and at one of the stages the memory to ``m_next``; ``u`` is room, ``saved``
    goes from stage to stage and to the way back.
    """
    raise NotImplementedError


def retreat(
    gates: Any, stage: int, d: Array, dh: Array, dm: Array, saved: Array, room: Array, out: Array, h: Array, m: Array,
    dx: Array, du: Array, dg: Any,
) -> None:  # fmt: skip
    """``gates.retreat``, chosen by the kind of gates when the loop is compiled.

    Of one row, the last stage first: from ``d``, the cotangent of v_{s+1}, writes those of u and, at one of the stages,
    of all x; makes ``dm`` of the memory after that of the memory before. What goes to h_{t-1} beside the product is
    added to ``dh``, which starts at 0; ``room (K,)`` goes from stage to stage. ``d`` may be written over.
    """
    raise NotImplementedError


@jit
def forward(
    add_product: Any, gates: Any, chain: Array, x: Array, weights: Any, h0: Array, m0: Array, anew: Array, u: Any,
    h: Array, m: Array, seen: Any, saved: Array,
) -> None:  # fmt: skip
    """Writes ``h (T, B, H)``, ``m (T, B, M)``, all v to ``seen``, for a matrix ``(T, N, B, .)``, ``saved (T, B, K)``.

    Where m, seen and saved are shorter, they hold the latest steps alone, step t at place t modulo their length.

    Args:
        add_product: from ``product_of``.
        gates: arrays of the gates' own weights.
        chain: ``(S, 2)``, the matrix of each product and how many with the same matrix go before.
        x: ``(T, B, X)``.
        weights: the matrices, transposed, the first the first of the chain.
        h0: ``(B, H)``.
        m0: ``(B, M)``.
        anew: ``(T, B)`` bool, before which steps a row is zeros again; without a step, none.
        u: room, ``(B, .)`` for each matrix.
        h: written, like ``m``, ``seen`` and ``saved``.
        m: see there.
        seen: see there.
        saved: see there.
    """
    h_before, m_before, last = h0, m0, chain.shape[0] - 1
    goes_on, m_anew = np.zeros(h0.shape[0], np.bool_), np.empty_like(m0)
    for t in range(x.shape[0]):
        place, begins = t % m.shape[0], anew[t] if anew.shape[0] else goes_on
        _begin(begins, h_before, seen[0][place, 0])
        h_before = seen[0][place, 0]
        if begins.any():
            _begin(begins, m_before, m_anew)
            m_before = m_anew
        for stage in range(chain.shape[0]):
            matrix, use = chain[stage]
            product = u[matrix]
            product[:] = 0
            add_product(seen[matrix][place, use], weights[matrix], product)
            out = h[t] if stage == last else seen[chain[stage + 1, 0]][place, chain[stage + 1, 1]]
            for row in range(out.shape[0]):
                advance(
                    gates, stage, x[t, row], product[row], h_before[row], m_before[row], out[row], m[place, row],
                    saved[place, row],
                )  # fmt: skip
        h_before, m_before = h[t], m[place]


@jit
def backward(
    add_product: Any, gates: Any, chain: Array, weights: Any, h: Array, m: Array, seen: Any, saved: Array, m0: Array,
    anew: Array, dy: Array, dm_last: Array, dx: Array, du: Any, dv: Any, dh: Array, dm: Array, dg: Any,
) -> None:  # fmt: skip
    """The cotangents of x, of all u, of h0, m0 and the gates' weights, from those of all h, ``dy``, and of the last m.

    ``weights`` are as they are, ``du (T, N, B, .)`` is written, ``dv (B, .)`` is room, each for a matrix.
    """
    dh[:], last = 0, chain.shape[0] - 1
    copy_rows(dm_last, dm)
    room, dout = np.empty_like(saved[0]), np.empty_like(dh)
    goes_on, m_anew = np.zeros(dh.shape[0], np.bool_), np.empty_like(dm)
    for t in range(h.shape[0] - 1, -1, -1):
        begins = anew[t] if anew.shape[0] else goes_on
        h_before, m_before = seen[0][t, 0], m[t - 1] if t > 0 else m0
        if begins.any():
            _begin(begins, m_before, m_anew)
            m_before = m_anew
        for row in range(dh.shape[0]):
            for j in range(dh.shape[1]):
                dout[row, j] = dh[row, j] + dy[t, row, j]
                dh[row, j] = 0
        for stage in range(last, -1, -1):
            matrix, use = chain[stage]
            out = h[t] if stage == last else seen[chain[stage + 1, 0]][t, chain[stage + 1, 1]]
            d = dout if stage == last else dv[chain[stage + 1, 0]]
            product = du[matrix][t, use]
            for row in range(dh.shape[0]):
                retreat(
                    gates, stage, d[row], dh[row], dm[row], saved[t, row], room[row], out[row], h_before[row],
                    m_before[row], dx[t, row], product[row], dg,
                )  # fmt: skip
            dv[matrix][:] = 0
            add_product(product, weights[matrix], dv[matrix])
        for row in range(dh.shape[0]):
            for j in range(dh.shape[1]):
                dh[row, j] += dv[0][row, j]
        if begins.any():
            _begin(begins, dh, dh)
            _begin(begins, dm, dm)


@jit
def _begin(anew: Array, before: Array, begun: Array) -> None:
    """A copy in which rows that begin anew are zeros."""
    for row in range(before.shape[0]):
        if anew[row]:
            for j in range(before.shape[1]):
                begun[row, j] = 0
        else:
            for j in range(before.shape[1]):
                begun[row, j] = before[row, j]


def _plug_in() -> None:
    """Tell numba what stands for ``advance`` and ``retreat``."""

    @overload(advance, jit_options=ELEMENTWISE)
    def choose_advance(gates, stage, x, u, h, m, out, m_next, saved):  # type: ignore[no-untyped-def]
        return plain(gates.instance_class.advance)

    @overload(retreat, jit_options=ELEMENTWISE)
    def choose_retreat(gates, stage, d, dh, dm, saved, room, out, h, m, dx, du, dg):  # type: ignore[no-untyped-def]
        return plain(gates.instance_class.retreat)


_plug_in()
