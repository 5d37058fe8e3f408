"""The kernels of a dense recurrence: one each way that goes through all steps with a few rows.

    u_t = U (mask * h_{t-1}) + b,    h_t, m_t = gates(x_t, u_t, h_{t-1}, m_{t-1})

h and m stay in registers. Where RESIDENT, U stays on the chip from the first step to the last, a matrix a vector of u;
else tiles of it come from the cache at every step, and what it is multiplied with is shared among a program's threads
through memory. Letters: T steps, B rows, H width, G and R vectors in x and u, M in the memory, W of weights of the
gates' own.
"""

import triton
import triton.language as tl

from statewise.ops.gpu.blocks import mixed, put, vectors


@triton.jit
def _matrices(weight, out, into, count: tl.constexpr, width, inside, kind: tl.constexpr):
    """The parts of U, one a vector of u, numbers of ``out`` against numbers of h."""
    parts = ()
    for r in tl.static_range(count):
        parts += (tl.load(weight + (r * width + out) * width + into, mask=inside, other=0.0).to(kind),)
    return parts


@triton.jit
def _products(
    seen, weight, row, rows, out, width,
    R: tl.constexpr, PRECISION: tl.constexpr, KIND: tl.constexpr,
    ROWS: tl.constexpr, WIDTH: tl.constexpr, TILE: tl.constexpr,
):  # fmt: skip
    """``U seen``, a vector of u a block, with tiles of U that come from the cache."""
    sums = ()
    for _ in tl.static_range(R):
        sums += (tl.zeros([ROWS, WIDTH], dtype=KIND),)
    for start in range(0, width, TILE):
        across, down = start + tl.arange(0, TILE)[None, :], start + tl.arange(0, TILE)[:, None]
        h = tl.load(seen + row * width + across, mask=(row < rows) & (across < width), other=0.0)
        inside = (down < width) & (out < width)
        added = ()
        for r in tl.static_range(R):
            part = tl.load(weight + (r * width + out) * width + down, mask=inside, other=0.0)
            added += (sums[r] + tl.dot(h, part, input_precision=PRECISION, out_dtype=KIND),)
        sums = added
    return sums


@triton.jit
def _products_back(
    du, weight, step, here, into, width,
    R: tl.constexpr, PRECISION: tl.constexpr, KIND: tl.constexpr,
    ROWS: tl.constexpr, WIDTH: tl.constexpr, TILE: tl.constexpr,
):  # fmt: skip
    """``U^T du`` of one step, with tiles of U that come from the cache."""
    total = tl.zeros([ROWS, WIDTH], dtype=KIND)
    for start in range(0, width, TILE):
        across, down = start + tl.arange(0, TILE)[None, :], start + tl.arange(0, TILE)[:, None]
        inside = (down < width) & (into < width)
        for r in tl.static_range(R):
            d = tl.load(du + (step * R + r) * width + across, mask=here & (across < width), other=0.0)
            part = tl.load(weight + (r * width + down) * width + into, mask=inside, other=0.0)
            total += tl.dot(d, part, input_precision=PRECISION, out_dtype=KIND)
    return total


@triton.jit(do_not_specialize=["time", "rows"])
def forward_kernel(
    x, weight, bias, own, keep, mask, h0, shared, y, memory,
    time, rows, width, memory_every, keep_time, keep_row, mask_row,
    G: tl.constexpr, R: tl.constexpr, M: tl.constexpr, W: tl.constexpr,
    KEEP: tl.constexpr, MASK: tl.constexpr, RESIDENT: tl.constexpr, PRECISION: tl.constexpr, KIND: tl.constexpr,
    ADVANCE: tl.constexpr, ROWS: tl.constexpr, WIDTH: tl.constexpr, TILE: tl.constexpr,
):  # fmt: skip
    """Writes ``y (T, B, H)`` and ``memory (T + 1, B, M, H)``, which starts with m_0 at place 0.

    Where ``memory_every`` is 0 rather than 1 all steps write to place 0.
    """
    row = (tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS))[:, None]
    number = tl.arange(0, WIDTH)[None, :]
    across = number < width
    inside = (row < rows) & across
    out, into = tl.arange(0, WIDTH)[None, :], tl.arange(0, WIDTH)[:, None]
    square = (out < width) & (into < width)
    dtype: tl.constexpr = weight.dtype.element_ty
    h = tl.load(h0 + row * width + number, mask=inside, other=0.0).to(KIND)
    m = vectors(memory + row * M * width + number, M, width, inside, KIND)
    b = vectors(bias + number, R, width, across, KIND)
    g = vectors(own + number, W, width, across, KIND)
    factor = tl.load(mask + row * mask_row + number, mask=inside & MASK, other=0.0).to(KIND)
    if RESIDENT:
        matrices = _matrices(weight, out, into, R, width, square, dtype)
    for t in range(0, time):
        step = tl.cast(t, tl.int64) * rows + row
        x_t = vectors(x + step * G * width + number, G, width, inside, KIND)
        seen = (h * factor if MASK else h).to(dtype)
        if RESIDENT:
            sums = ()
            for r in tl.static_range(R):
                sums += (tl.dot(seen, matrices[r], input_precision=PRECISION, out_dtype=KIND),)
        else:
            tl.debug_barrier()  # all have read what was seen a step before
            tl.store(shared + row * width + number, seen, mask=inside)
            tl.debug_barrier()
            sums = _products(shared, weight, row, rows, out, width, R, PRECISION, KIND, ROWS, WIDTH, TILE)
        u = ()
        for r in tl.static_range(R):
            u += (sums[r] + b[r],)
        h_next, m_next = ADVANCE(x_t, u, h, m, g, width, across)
        if KEEP:
            shares = vectors(
                keep + tl.cast(t, tl.int64) * keep_time + row * keep_row + number, 1 + M, width, inside, KIND
            )
            h_next = mixed(h_next, h, shares[0])
            kept = ()
            for i in tl.static_range(M):
                kept += (mixed(m_next[i], m[i], shares[1 + i]),)
            m_next = kept
        h = h_next.to(y.dtype.element_ty).to(KIND)
        m = ()
        for i in tl.static_range(M):
            m += (m_next[i].to(memory.dtype.element_ty).to(KIND),)
        tl.store(y + step * width + number, h, mask=inside)
        place = (tl.cast(t + 1, tl.int64) * memory_every * rows + row) * M
        put(memory + place * width + number, m, M, width, inside)


@triton.jit(do_not_specialize=["time", "rows"])
def backward_kernel(
    x, u, weight, own, keep, mask, before, memory, dy,
    dx, du, dh_start, dm_start, d_own,
    time, rows, width, keep_time, keep_row, mask_row,
    G: tl.constexpr, R: tl.constexpr, M: tl.constexpr, W: tl.constexpr,
    SUMS: tl.constexpr, KEEP: tl.constexpr, MASK: tl.constexpr, RESIDENT: tl.constexpr, PRECISION: tl.constexpr,
    KIND: tl.constexpr, RETREAT: tl.constexpr, ROWS: tl.constexpr, WIDTH: tl.constexpr, TILE: tl.constexpr,
):  # fmt: skip
    """Writes the cotangents of x, u, h_0, m_0 and, a program, of the gates' own weights.

    ``dm_start`` starts with that of the last memory; where ``SUMS``, dx is du and is not written.
    """
    row = (tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS))[:, None]
    number = tl.arange(0, WIDTH)[None, :]
    across = number < width
    inside = (row < rows) & across
    out, into = tl.arange(0, WIDTH)[:, None], tl.arange(0, WIDTH)[None, :]
    square = (out < width) & (into < width)
    dtype: tl.constexpr = weight.dtype.element_ty
    g = vectors(own + number, W, width, across, KIND)
    factor = tl.load(mask + row * mask_row + number, mask=inside & MASK, other=0.0).to(KIND)
    dh = tl.zeros([ROWS, WIDTH], dtype=KIND)
    dm = vectors(dm_start + row * M * width + number, M, width, inside, KIND)
    dg = ()
    for _ in tl.static_range(W):
        dg += (tl.zeros([WIDTH], dtype=KIND),)
    if RESIDENT:
        matrices = _matrices(weight, out, into, R, width, square, dtype)
    for back in range(0, time):
        t = time - 1 - back
        step = tl.cast(t, tl.int64) * rows + row
        x_t = vectors(x + step * G * width + number, G, width, inside, KIND)
        u_t = vectors(u + step * R * width + number, R, width, inside, KIND)
        h = tl.load(before + step * width + number, mask=inside, other=0.0).to(KIND)
        m = vectors(memory + step * M * width + number, M, width, inside, KIND)
        dh += tl.load(dy + step * width + number, mask=inside, other=0.0).to(KIND)
        if KEEP:
            shares = vectors(
                keep + tl.cast(t, tl.int64) * keep_time + row * keep_row + number, 1 + M, width, inside, KIND
            )
            dh_kept = shares[0] * dh
            dh -= dh_kept
            dm_kept, dm_new = (), ()
            for i in tl.static_range(M):
                dm_kept += (shares[1 + i] * dm[i],)
                dm_new += (dm[i] - dm_kept[i],)
            dm = dm_new
        dx_t, du_t, dh, dm, parts = RETREAT(dh, dm, x_t, u_t, h, m, g, width, across)
        if not SUMS:
            put(dx + step * G * width + number, dx_t, G, width, inside)
        put(du + step * R * width + number, du_t, R, width, inside)
        summed = ()
        for w in tl.static_range(W):
            summed += (dg[w] + tl.sum(parts[w], axis=0),)
        dg = summed
        if RESIDENT:
            through = tl.zeros([ROWS, WIDTH], dtype=KIND)
            for r in tl.static_range(R):
                through += tl.dot(du_t[r].to(dtype), matrices[r], input_precision=PRECISION, out_dtype=KIND)
        else:
            tl.debug_barrier()  # du is written
            through = _products_back(du, weight, step, row < rows, into, width, R, PRECISION, KIND, ROWS, WIDTH, TILE)
        dh += through * factor if MASK else through
        if KEEP:
            dh += dh_kept
            dm_new = ()
            for i in tl.static_range(M):
                dm_new += (dm[i] + dm_kept[i],)
            dm = dm_new
    tl.store(dh_start + row * width + number, dh, mask=inside)
    put(dm_start + row * M * width + number, dm, M, width, inside)
    for w in tl.static_range(W):
        at = d_own + (tl.program_id(0) * W + w) * width + tl.arange(0, WIDTH)
        tl.store(at, dg[w], mask=tl.arange(0, WIDTH) < width)
