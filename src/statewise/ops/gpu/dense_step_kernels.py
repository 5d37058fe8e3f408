"""The kernels of one step of a dense recurrence: all but the product with its matrix, a row a program.

Where ANEW, a row whose mark is set begins anew before the step, and no gradient passes. Letters: B rows, H width, G and
R vectors in x and u, M in the memory, W of weights of the gates' own.
"""

import triton
import triton.language as tl

from statewise.ops.gpu.blocks import begun, kept, put, shared_out, summed, vectors


@triton.jit
def step_kernel(
    x, u, bias, own, keep, mask, anew, h, m, h_next, m_next, seen, width,
    G: tl.constexpr, R: tl.constexpr, M: tl.constexpr, W: tl.constexpr, BEGIN: tl.constexpr,
    KEEP: tl.constexpr, MASK: tl.constexpr, ANEW: tl.constexpr, KIND: tl.constexpr, ADVANCE: tl.constexpr,
    WIDTH: tl.constexpr,
):  # fmt: skip
    """Writes ``h_next (B, H)``, ``m_next (B, M, H)`` and ``seen (B, H)``, which the next product takes."""
    row = tl.program_id(0).to(tl.int64) + tl.arange(0, 1)[:, None]
    number = tl.arange(0, WIDTH)[None, :]
    inside = number < width
    old = tl.load(h + row * width + number, mask=inside, other=0.0).to(KIND)
    memory = vectors(m + row * M * width + number, M, width, inside, KIND)
    x_t = vectors(x + row * G * width + number, G, width, inside, KIND)
    product = vectors(u + row * R * width + number, R, width, inside, KIND)
    b = vectors(bias + number, R, width, inside, KIND)
    g = vectors(own + number, W, width, inside, KIND)
    if ANEW:
        old, memory = begun(anew + row, True, old, memory, M, BEGIN)
        _, product = begun(anew + row, True, old, product, R, ())
    new, new_memory = ADVANCE(x_t, summed(product, b, R), old, memory, g, width, inside)
    if KEEP:
        shares = keep + row * (1 + M) * width + number
        new, new_memory = kept(shares, old, memory, new, new_memory, M, width, inside)
    new = new.to(h_next.dtype.element_ty)
    tl.store(h_next + row * width + number, new, mask=inside)
    put(m_next + row * M * width + number, new_memory, M, width, inside)
    if MASK:
        new = new.to(KIND) * tl.load(mask + row * width + number, mask=inside, other=0.0).to(KIND)
    tl.store(seen + row * width + number, new, mask=inside)


@triton.jit
def step_back_kernel(
    x, u, own, keep, mask, anew, anew_after, h, m, dy, through, dh, dm, dx, du, dg, width,
    G: tl.constexpr, R: tl.constexpr, M: tl.constexpr, W: tl.constexpr, BEGIN: tl.constexpr,
    KEEP: tl.constexpr, MASK: tl.constexpr, ANEW: tl.constexpr, KIND: tl.constexpr, RETREAT: tl.constexpr,
    WIDTH: tl.constexpr,
):  # fmt: skip
    """Writes ``dx`` and ``du`` of a step, adds to ``dg (B, W, H)``, and takes ``dh`` and ``dm`` a step back.

    ``h`` has rows begun. What came through the product of the step after it stands apart, in ``through``; of rows that
    begin anew after the step, as ``anew_after`` says, nothing comes.
    """
    row = tl.program_id(0).to(tl.int64) + tl.arange(0, 1)[:, None]
    number = tl.arange(0, WIDTH)[None, :]
    inside = number < width
    x_t = vectors(x + row * G * width + number, G, width, inside, KIND)
    u_t = vectors(u + row * R * width + number, R, width, inside, KIND)
    old = tl.load(h + row * width + number, mask=inside, other=0.0).to(KIND)
    memory = vectors(m + row * M * width + number, M, width, inside, KIND)
    g = vectors(own + number, W, width, inside, KIND)
    d_new = tl.load(through + row * width + number, mask=inside, other=0.0).to(KIND)
    if MASK:
        d_new *= tl.load(mask + row * width + number, mask=inside, other=0.0).to(KIND)
    d_new += tl.load(dh + row * width + number, mask=inside, other=0.0).to(KIND)
    d_memory = vectors(dm + row * M * width + number, M, width, inside, KIND)
    if ANEW:
        _, memory = begun(anew + row, True, old, memory, M, BEGIN)
        d_new, d_memory = begun(anew_after + row, True, d_new, d_memory, M, ())
    d_new += tl.load(dy + row * width + number, mask=inside, other=0.0).to(KIND)
    if KEEP:
        shares = keep + row * (1 + M) * width + number
        d_kept, memory_kept, d_new, d_memory = shared_out(shares, d_new, d_memory, M, width, inside)
    dx_t, du_t, d_old, d_memory, parts = RETREAT(d_new, d_memory, x_t, u_t, old, memory, g, width, inside)
    if KEEP:
        d_old, d_memory = d_old + d_kept, summed(d_memory, memory_kept, M)
    put(dx + row * G * width + number, dx_t, G, width, inside)
    put(du + row * R * width + number, du_t, R, width, inside)
    tl.store(dh + row * width + number, d_old, mask=inside)
    put(dm + row * M * width + number, d_memory, M, width, inside)
    sums = vectors(dg + row * W * width + number, W, width, inside, KIND)
    put(dg + row * W * width + number, summed(sums, parts, W), W, width, inside)
