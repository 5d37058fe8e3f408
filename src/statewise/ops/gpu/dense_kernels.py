"""The kernels of a dense recurrence: one each way that goes through all steps with a few rows.

    u_t = U (mask * h_{t-1}) + b,    h_t, m_t = gates(x_t, u_t, h_{t-1}, m_{t-1})

h and m stay in registers. Where ANEW, a row whose mark is set begins anew before the step, and no gradient passes.
Letters: T steps, B rows, H width, G and R vectors in x and u, M in the memory, W of weights of the gates' own.
"""

import triton
import triton.language as tl

from statewise.ops.gpu.blocks import begun, kept, over_rows, places, put, rounded, shared_out, summed, vectors, zeros
from statewise.ops.gpu.products import lying, product, product_back, upright


@triton.jit(do_not_specialize=["time", "rows"])
def forward_kernel(
    x, weight, bias, own, keep, mask, anew, h0, shared, y, memory,
    time, rows, width, memory_every, keep_time, keep_row, mask_row,
    G: tl.constexpr, R: tl.constexpr, M: tl.constexpr, W: tl.constexpr, BEGIN: tl.constexpr,
    KEEP: tl.constexpr, MASK: tl.constexpr, ANEW: tl.constexpr, RESIDENT: tl.constexpr, PRECISION: tl.constexpr,
    KIND: tl.constexpr, ADVANCE: tl.constexpr, ROWS: tl.constexpr, WIDTH: tl.constexpr, TILE: tl.constexpr,
):  # fmt: skip
    """Writes ``y (T, B, H)`` and ``memory (T + 1, B, M, H)``, which starts with m_0 at place 0.

    Where ``memory_every`` is 0 rather than 1 all steps write to place 0.
    """
    row, number = places(ROWS, WIDTH)
    here, across = row < rows, number < width
    inside = here & across
    h = tl.load(h0 + row * width + number, mask=inside, other=0.0).to(KIND)
    m = vectors(memory + row * M * width + number, M, width, inside, KIND)
    b = vectors(bias + number, R, width, across, KIND)
    g = vectors(own + number, W, width, across, KIND)
    factor = tl.load(mask + row * mask_row + number, mask=inside & MASK, other=0.0).to(KIND)
    u_of = upright(weight, width, width, R, WIDTH, WIDTH, RESIDENT)
    for t in range(0, time):
        step = tl.cast(t, tl.int64) * rows + row
        x_t = vectors(x + step * G * width + number, G, width, inside, KIND)
        if ANEW:
            h, m = begun(anew + step, here, h, m, M, BEGIN)
        seen = (h * factor if MASK else h).to(weight.dtype.element_ty)
        u = summed(b, product(
            seen, u_of, shared, weight, row, here, width, width,
            R, RESIDENT, PRECISION, KIND, ROWS, WIDTH, WIDTH, TILE,
        ), R)  # fmt: skip
        h_next, m_next = ADVANCE(x_t, u, h, m, g, width, across)
        if KEEP:
            shares = keep + tl.cast(t, tl.int64) * keep_time + row * keep_row + number
            h_next, m_next = kept(shares, h, m, h_next, m_next, M, width, inside)
        h = h_next.to(y.dtype.element_ty).to(KIND)
        m = rounded(m_next, M, memory.dtype.element_ty, KIND)
        tl.store(y + step * width + number, h, mask=inside)
        place = (tl.cast(t + 1, tl.int64) * memory_every * rows + row) * M
        put(memory + place * width + number, m, M, width, inside)


@triton.jit(do_not_specialize=["time", "rows"])
def backward_kernel(
    x, u, weight, own, keep, mask, anew, before, memory, dy,
    dx, du, dh_start, dm_start, d_own, time, rows, width, keep_time, keep_row, mask_row,
    G: tl.constexpr, R: tl.constexpr, M: tl.constexpr, W: tl.constexpr, BEGIN: tl.constexpr,
    SUMS: tl.constexpr, KEEP: tl.constexpr, MASK: tl.constexpr, ANEW: tl.constexpr, RESIDENT: tl.constexpr,
    PRECISION: tl.constexpr, KIND: tl.constexpr, RETREAT: tl.constexpr,
    ROWS: tl.constexpr, WIDTH: tl.constexpr, TILE: tl.constexpr,
):  # fmt: skip
    """Writes the cotangents of x, u, h_0, m_0 and, a program, of the gates' own weights; ``before`` has rows begun.

    ``dm_start`` starts with that of the last memory; where ``SUMS``, dx is du and is not written.
    """
    row, number = places(ROWS, WIDTH)
    here, across = row < rows, number < width
    inside = here & across
    g = vectors(own + number, W, width, across, KIND)
    factor = tl.load(mask + row * mask_row + number, mask=inside & MASK, other=0.0).to(KIND)
    dh = tl.zeros([ROWS, WIDTH], dtype=KIND)
    dm = vectors(dm_start + row * M * width + number, M, width, inside, KIND)
    dg = zeros(W, 1, WIDTH, KIND)
    u_of = lying(weight, width, width, R, WIDTH, WIDTH, RESIDENT)
    for back in range(0, time):
        t = time - 1 - back
        step = tl.cast(t, tl.int64) * rows + row
        x_t = vectors(x + step * G * width + number, G, width, inside, KIND)
        u_t = vectors(u + step * R * width + number, R, width, inside, KIND)
        h = tl.load(before + step * width + number, mask=inside, other=0.0).to(KIND)
        m = vectors(memory + step * M * width + number, M, width, inside, KIND)
        dh += tl.load(dy + step * width + number, mask=inside, other=0.0).to(KIND)
        if ANEW:
            _, m = begun(anew + step, here, h, m, M, BEGIN)
        if KEEP:
            shares = keep + tl.cast(t, tl.int64) * keep_time + row * keep_row + number
            dh_kept, dm_kept, dh, dm = shared_out(shares, dh, dm, M, width, inside)
        dx_t, du_t, dh, dm, parts = RETREAT(dh, dm, x_t, u_t, h, m, g, width, across)
        if not SUMS:
            put(dx + step * G * width + number, dx_t, G, width, inside)
        put(du + step * R * width + number, du_t, R, width, inside)
        dg = summed(dg, over_rows(parts, W), W)
        through = product_back(
            du_t, u_of, du, weight, step, here, width, width, R, RESIDENT, PRECISION, KIND, ROWS, WIDTH, TILE
        )
        dh += through * factor if MASK else through
        if KEEP:
            dh, dm = dh + dh_kept, summed(dm, dm_kept, M)
        if ANEW:
            dh, dm = begun(anew + step, here, dh, dm, M, ())
    tl.store(dh_start + row * width + number, dh, mask=inside)
    put(dm_start + row * M * width + number, dm, M, width, inside)
    put(d_own + tl.program_id(0) * W * width + number, dg, W, width, across)
