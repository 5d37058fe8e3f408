"""Products of a program's few rows with matrices, step after step, in Triton kernels.

    u_r = U_r v,    U (R O, I): a matrix O high and I wide for each vector of u

Where RESIDENT, the matrices stay on the chip from the first step to the last; else tiles of them come from the cache at
every step, and what they are multiplied with is shared among a program's threads through memory. OUT and IN are blocks
that O and I have room in; ``at`` says where the rows stand in memory, and ``here`` which of them there are.
"""

import triton
import triton.language as tl


@triton.jit
def upright(weight, high, wide, R: tl.constexpr, OUT: tl.constexpr, IN: tl.constexpr, RESIDENT: tl.constexpr):
    """The matrices as ``product`` takes them, I downwards and O across; none where tiles of them are to come."""
    parts = ()
    for r in tl.static_range(R if RESIDENT else 0):
        parts += (_matrix(weight, r, tl.arange(0, OUT)[None, :], tl.arange(0, IN)[:, None], high, wide),)
    return parts


@triton.jit
def lying(weight, high, wide, R: tl.constexpr, OUT: tl.constexpr, IN: tl.constexpr, RESIDENT: tl.constexpr):
    """The matrices as ``product_back`` takes them, O downwards and I across; none where tiles of them are to come."""
    parts = ()
    for r in tl.static_range(R if RESIDENT else 0):
        parts += (_matrix(weight, r, tl.arange(0, OUT)[:, None], tl.arange(0, IN)[None, :], high, wide),)
    return parts


@triton.jit
def _matrix(weight, r, out, into, high, wide):
    return tl.load(weight + (r * high + out) * wide + into, mask=(out < high) & (into < wide), other=0.0)


@triton.jit
def product(
    v, matrices, shared, weight, at, here, high, wide,
    R: tl.constexpr, RESIDENT: tl.constexpr, PRECISION: tl.constexpr, KIND: tl.constexpr,
    ROWS: tl.constexpr, OUT: tl.constexpr, IN: tl.constexpr, TILE: tl.constexpr,
):  # fmt: skip
    """All u_r of ``v (ROWS, IN)``, which is left in ``shared (., I)`` where not RESIDENT."""
    sums = ()
    if RESIDENT:
        for r in tl.static_range(R):
            sums += (tl.dot(v, matrices[r], input_precision=PRECISION, out_dtype=KIND),)
    else:
        into = tl.arange(0, IN)[None, :]
        tl.debug_barrier()  # all have read what was shared before
        tl.store(shared + at * wide + into, v, mask=here & (into < wide))
        tl.debug_barrier()
        sums = _by_tiles(shared, weight, at, here, high, wide, R, PRECISION, KIND, ROWS, OUT, TILE)
    return sums


@triton.jit
def _by_tiles(
    shared, weight, at, here, high, wide,
    R: tl.constexpr, PRECISION: tl.constexpr, KIND: tl.constexpr,
    ROWS: tl.constexpr, OUT: tl.constexpr, TILE: tl.constexpr,
):  # fmt: skip
    out, sums = tl.arange(0, OUT)[None, :], ()
    for _ in tl.static_range(R):
        sums += (tl.zeros([ROWS, OUT], dtype=KIND),)
    for start in range(0, wide, TILE):
        across, down = start + tl.arange(0, TILE)[None, :], start + tl.arange(0, TILE)[:, None]
        v = tl.load(shared + at * wide + across, mask=here & (across < wide), other=0.0)
        added = ()
        for r in tl.static_range(R):
            part = _matrix(weight, r, out, down, high, wide)
            added += (sums[r] + tl.dot(v, part, input_precision=PRECISION, out_dtype=KIND),)
        sums = added
    return sums


@triton.jit
def product_back(
    du, matrices, written, weight, at, here, high, wide,
    R: tl.constexpr, RESIDENT: tl.constexpr, PRECISION: tl.constexpr, KIND: tl.constexpr,
    ROWS: tl.constexpr, IN: tl.constexpr, TILE: tl.constexpr,
):  # fmt: skip
    """``U^T du``, the cotangent of v, from those of all u_r, which stand in ``written (., R, O)``, too."""
    total = tl.zeros([ROWS, IN], dtype=KIND)
    if RESIDENT:
        for r in tl.static_range(R):
            d = du[r].to(weight.dtype.element_ty)
            total += tl.dot(d, matrices[r], input_precision=PRECISION, out_dtype=KIND)
    else:
        tl.debug_barrier()  # du is written
        into = tl.arange(0, IN)[None, :]
        for start in range(0, high, TILE):
            across, down = start + tl.arange(0, TILE)[None, :], start + tl.arange(0, TILE)[:, None]
            for r in tl.static_range(R):
                d = tl.load(written + (at * R + r) * high + across, mask=here & (across < high), other=0.0)
                part = _matrix(weight, r, down, into, high, wide)
                total += tl.dot(d, part, input_precision=PRECISION, out_dtype=KIND)
    return total
