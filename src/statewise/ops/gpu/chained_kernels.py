"""The kernels of a recurrence of two products a step: one each way that goes through all steps with a few rows.

    u_t = U h_{t-1},    v_t, m_t = gates(x_t, u_t, h_{t-1}, m_{t-1}),    w_t = W v_t,    h_t = gates(x_t, w_t, h_{t-1})

h and m stay in registers. Where ANEW, a row whose mark is set begins anew before the step, and no gradient passes.
Letters: T steps, B rows, H width of h, K of v; G vectors in x, R in u and M in the memory, K wide; S in w, H wide; E
numbers of x behind its vectors, one or none; P vectors of the gates' own weights, H wide. ACROSS and INNER are blocks
that H and K have room in.
"""

import triton
import triton.language as tl

from statewise.ops.gpu.blocks import begun, over_rows, places, put, rounded, summed, vectors, zeros
from statewise.ops.gpu.products import lying, product, product_back, upright


@triton.jit
def _driven(x, step, inner, here, wide, G: tl.constexpr, E: tl.constexpr, KIND: tl.constexpr):
    """x of a step: its vectors, then a number a row where there is one."""
    at = x + step * (G * wide + E)
    parts = vectors(at + inner, G, wide, here & (inner < wide), KIND)
    if E:
        parts += (tl.load(at + G * wide, mask=here, other=0.0).to(KIND),)
    return parts


@triton.jit
def _put_driven(dx, parts, step, inner, here, wide, G: tl.constexpr, E: tl.constexpr):
    """What ``_driven`` reads."""
    at = dx + step * (G * wide + E)
    put(at + inner, parts, G, wide, here & (inner < wide))
    if E:
        tl.store(at + G * wide, parts[G], mask=here)


@triton.jit(do_not_specialize=["time", "rows"])
def chain_kernel(
    x, first, second, own, anew, h0, shared, v, y, memory,
    time, rows, width, wide, every,
    G: tl.constexpr, E: tl.constexpr, R: tl.constexpr, S: tl.constexpr, M: tl.constexpr, P: tl.constexpr,
    ANEW: tl.constexpr, RESIDENT: tl.constexpr, PRECISION: tl.constexpr, KIND: tl.constexpr,
    OPEN: tl.constexpr, CLOSE: tl.constexpr,
    ROWS: tl.constexpr, ACROSS: tl.constexpr, INNER: tl.constexpr, TILE: tl.constexpr,
):  # fmt: skip
    """Writes ``y (T, B, H)``, ``v (T, B, K)`` and ``memory (T + 1, B, M, K)``, which starts with m_0 at place 0.

    Where ``every`` is 0 rather than 1 all steps write v and the memory to place 0.
    """
    row, number = places(ROWS, ACROSS)
    inner = tl.arange(0, INNER)[None, :]
    here = row < rows
    inside, within = here & (number < width), here & (inner < wide)
    h = tl.load(h0 + row * width + number, mask=inside, other=0.0).to(KIND)
    m = vectors(memory + row * M * wide + inner, M, wide, within, KIND)
    g = vectors(own + number, P, width, number < width, KIND)
    u_of = upright(first, wide, width, R, INNER, ACROSS, RESIDENT)
    w_of = upright(second, width, wide, S, ACROSS, INNER, RESIDENT)
    for t in range(0, time):
        step = tl.cast(t, tl.int64) * rows + row
        place = tl.cast(t, tl.int64) * every * rows + row
        x_t = _driven(x, step, inner, here, wide, G, E, KIND)
        if ANEW:
            h, m = begun(anew + step, here, h, m, M, ())
        seen = h.to(first.dtype.element_ty)
        u = product(
            seen, u_of, shared, first, row, here, wide, width, R, RESIDENT, PRECISION, KIND, ROWS, INNER, ACROSS, TILE
        )
        between, m_next, carried = OPEN(x_t, u, h, m)
        m = rounded(m_next, M, memory.dtype.element_ty, KIND)
        put(memory + (place + every * rows) * M * wide + inner, m, M, wide, within)
        seen = between.to(second.dtype.element_ty)
        if RESIDENT:
            tl.store(v + place * wide + inner, seen, mask=within)
        w = product(
            seen, w_of, v, second, place, here, width, wide, S, RESIDENT, PRECISION, KIND, ROWS, ACROSS, INNER, TILE
        )
        h = CLOSE(x_t, w, h, carried, g).to(y.dtype.element_ty).to(KIND)
        tl.store(y + step * width + number, h, mask=inside)


@triton.jit(do_not_specialize=["time", "rows"])
def chain_back_kernel(
    x, u, w, first, second, own, anew, before, memory, dy,
    dx, du, dw, dh_start, dm_start, d_own, time, rows, width, wide,
    G: tl.constexpr, E: tl.constexpr, R: tl.constexpr, S: tl.constexpr, M: tl.constexpr, P: tl.constexpr,
    ANEW: tl.constexpr, RESIDENT: tl.constexpr, PRECISION: tl.constexpr, KIND: tl.constexpr,
    UNCLOSE: tl.constexpr, UNOPEN: tl.constexpr,
    ROWS: tl.constexpr, ACROSS: tl.constexpr, INNER: tl.constexpr, TILE: tl.constexpr,
):  # fmt: skip
    """Writes the cotangents of x, u, w, h_0, m_0 and, a program, of the gates' own weights; ``before`` has rows begun.

    ``dm_start`` starts with that of the last memory.
    """
    row, number = places(ROWS, ACROSS)
    inner = tl.arange(0, INNER)[None, :]
    here, across = row < rows, number < width
    inside, within = here & across, here & (inner < wide)
    g = vectors(own + number, P, width, across, KIND)
    dh = tl.zeros([ROWS, ACROSS], dtype=KIND)
    dm = vectors(dm_start + row * M * wide + inner, M, wide, within, KIND)
    dg = zeros(P, 1, ACROSS, KIND)
    u_of = lying(first, wide, width, R, INNER, ACROSS, RESIDENT)
    w_of = lying(second, width, wide, S, ACROSS, INNER, RESIDENT)
    for back in range(0, time):
        step = tl.cast(time - 1 - back, tl.int64) * rows + row
        x_t = _driven(x, step, inner, here, wide, G, E, KIND)
        u_t = vectors(u + step * R * wide + inner, R, wide, within, KIND)
        w_t = vectors(w + step * S * width + number, S, width, inside, KIND)
        h = tl.load(before + step * width + number, mask=inside, other=0.0).to(KIND)
        m = vectors(memory + step * M * wide + inner, M, wide, within, KIND)
        dh += tl.load(dy + step * width + number, mask=inside, other=0.0).to(KIND)
        if ANEW:
            _, m = begun(anew + step, here, h, m, M, ())
        dw_t, carried, parts = UNCLOSE(dh, x_t, u_t, w_t, h, g)
        dg = summed(dg, over_rows(parts, P), P)
        put(dw + step * S * width + number, dw_t, S, width, inside)
        dv = product_back(
            dw_t, w_of, dw, second, step, here, width, wide, S, RESIDENT, PRECISION, KIND, ROWS, INNER, TILE
        )
        dx_t, du_t, dh, dm = UNOPEN(dv, dm, carried, x_t, u_t, h, m)
        _put_driven(dx, dx_t, step, inner, here, wide, G, E)
        put(du + step * R * wide + inner, du_t, R, wide, within)
        dh += product_back(
            du_t, u_of, du, first, step, here, wide, width, R, RESIDENT, PRECISION, KIND, ROWS, ACROSS, TILE
        )
        if ANEW:
            dh, dm = begun(anew + step, here, dh, dm, M, ())
    tl.store(dh_start + row * width + number, dh, mask=inside)
    put(dm_start + row * M * wide + inner, dm, M, wide, within)
    put(d_own + tl.program_id(0) * P * width + number, dg, P, width, across)
