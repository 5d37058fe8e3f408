"""Many state-space models, diagonal or diagonal but for a rank of one, as a Triton kernel each way.

    h_t = h_{t-1} + (m * h_{t-1} - p r_t + b u_t),    r_t = 2 Re(sum_n q_n h_{t-1,n}),    y_t = 2 Re(sum_n c_n h_{t,n})

A program takes one row and a block of its channels, and goes through time with their states in registers, one of them a
thread's. Memory is read and written in tiles of steps; within a tile they are worked on one after the other, a third of
the arithmetic of a scan, and what the rank of one needs, which no scan knows. At a reset the state is put away: that
costs the same however many there are. For the way back the state before every tile is written, from which it makes the
others again.

Letters: B rows, T steps, D channels, N states a channel, K tiles.
"""

import triton
import triton.language as tl

from statewise.ops.gpu.blocks import states_of
from statewise.ops.gpu.pairs import chosen, conjugate, product, read, total, write


@triton.jit
def _model(m, p, q, b, c, at, inside, RANK: tl.constexpr, KIND: tl.constexpr):
    """A block's coefficients; m stands for p and q where these are nothing."""
    m, b = read(m + at, inside, 0.0, True, KIND), read(b + at, inside, 0.0, True, KIND)
    c = read(c + at, inside, 0.0, True, KIND)
    if RANK:
        found = m, read(p + at, inside, 0.0, True, KIND), read(q + at, inside, 0.0, True, KIND), b, c
    else:
        found = m, m, m, b, c
    return found


@triton.jit
def _there(t, time, channel, channels):
    """Which of some channels there are, at a step that is one."""
    return (channel < channels) & (tl.zeros_like(channel) + t < time)


@triton.jit
def _tile(x, row, first, time, channels, channel, STEPS: tl.constexpr, KIND: tl.constexpr):
    """A vector a step of ``x (B, T, D)``, 0 after the last step."""
    found = ()
    for i in tl.static_range(STEPS):
        at = (row * time + first + i) * channels + channel
        found += (tl.load(x + at, mask=_there(first + i, time, channel, channels), other=0.0).to(KIND),)
    return found


@triton.jit
def _marks(anew, row, first, time, STEPS: tl.constexpr):
    """Of each step of a tile whether the state is put away before it; nothing where it never is."""
    found = ()
    if anew is not None:
        for i in tl.static_range(STEPS):
            found += (tl.load(anew + row * time + first + i, mask=first + i < time, other=0) != 0,)
    return found


@triton.jit
def _nothing(h):
    return tl.zeros_like(h[0]), tl.zeros_like(h[1])


@triton.jit
def _kept(h, anew, marks, i: tl.constexpr):
    """The state, and where it is put away zeros, whatever it was."""
    if anew is not None:
        h = chosen(marks[i], _nothing(h), h, True)
    return h


@triton.jit
def _times(x, y):
    """x of states by y, a real number a channel."""
    return x[0] * y[:, None], x[1] * y[:, None]


@triton.jit
def _said(c, h):
    """2 Re(sum_n c_n h_n)."""
    return 2 * tl.sum(c[0] * h[0] - c[1] * h[1], axis=1)


@triton.jit
def _along(x, g):
    """Re(sum_n conj(x_n) g_n)."""
    return tl.sum(x[0] * g[0] + x[1] * g[1], axis=1)


@triton.jit
def _after(model, h, u, RANK: tl.constexpr):
    """The state after a step."""
    m, p, q, b, _ = model
    added = total(product(m, h, True), _times(b, u), True)
    if RANK:
        added = total(added, _times(p, -_said(q, h)), True)
    return total(h, added, True)


@triton.jit(do_not_specialize=["time"])
def models_kernel(
    u, m, p, q, b, c, initial, anew, y, last, before, time, channels, size,
    RANK: tl.constexpr, KIND: tl.constexpr, STEPS: tl.constexpr, CHANNELS: tl.constexpr, SIZE: tl.constexpr,
):  # fmt: skip
    """Writes ``y (B, T, D)``, the last state ``(B, D, N)`` and the states before all tiles ``(B, K, D, N)``."""
    row, tiles = tl.program_id(0).to(tl.int64), tl.cdiv(time, STEPS)
    channel, _, inside, at = states_of(channels, size, CHANNELS, SIZE)
    at *= 2
    model = _model(m, p, q, b, c, at, inside, RANK, KIND)
    h = read(initial + 2 * row * channels * size + at, inside, 0.0, True, KIND)
    for tile in range(0, tiles):
        first = tile * STEPS
        write(before + 2 * (row * tiles + tile) * channels * size + at, h, inside, True)
        given = _tile(u, row, first, time, channels, channel, STEPS, KIND)
        marks = _marks(anew, row, first, time, STEPS)
        for i in tl.static_range(STEPS):
            after = _after(model, _kept(h, anew, marks, i), given[i], RANK)
            at_y = y + (row * time + first + i) * channels + channel
            tl.store(at_y, _said(model[4], after), mask=_there(first + i, time, channel, channels))
            h = chosen(first + i < time, after, h, True)
    write(last + 2 * row * channels * size + at, h, inside, True)


@triton.jit
def _states(model, h, given, anew, marks, first, time, RANK: tl.constexpr, STEPS: tl.constexpr):
    """The states before and after each step of a tile; zeros after the last step of all."""
    before, after = (), ()
    for i in tl.static_range(STEPS):
        before += (_kept(h, anew, marks, i),)
        h = chosen(first + i < time, _after(model, before[i], given[i], RANK), _nothing(h), True)
        after += (h,)
    return before, after


@triton.jit(do_not_specialize=["time"])
def models_back_kernel(
    dy, d_last, u, m, p, q, b, c, anew, before, du, parts, d_initial, time, channels, size,
    RANK: tl.constexpr, KIND: tl.constexpr, STEPS: tl.constexpr, CHANNELS: tl.constexpr, SIZE: tl.constexpr,
):  # fmt: skip
    """Writes the cotangents of u and the first state, and a row's parts of those of m, b, c, p and q.

    That of a state h_t is g_t = 2 conj(c) dy_t + g_{t+1} + (conj(m) g_{t+1} + conj(q) dr_{t+1}), with
    dr_t = -2 Re(conj(p) . g_t).
    """
    row, tiles = tl.program_id(0).to(tl.int64), tl.cdiv(time, STEPS)
    channel, _, inside, at = states_of(channels, size, CHANNELS, SIZE)
    at *= 2
    at_row = 2 * row * channels * size + at
    model = _model(m, p, q, b, c, at, inside, RANK, KIND)
    m, p, q, b, c = model
    final = read(d_last + at_row, inside, 0.0, True, KIND)
    carried = _nothing(final)
    of_m, of_b, of_c, of_p, of_q = carried, carried, carried, carried, carried
    for back in range(0, tiles):
        tile = tiles - 1 - back
        first = tile * STEPS
        h = read(before + 2 * (row * tiles + tile) * channels * size + at, inside, 0.0, True, KIND)
        given = _tile(u, row, first, time, channels, channel, STEPS, KIND)
        grads = _tile(dy, row, first, time, channels, channel, STEPS, KIND)
        marks = _marks(anew, row, first, time, STEPS)
        befores, afters = _states(model, h, given, anew, marks, first, time, RANK, STEPS)
        for i in tl.static_range(STEPS - 1, -1, -1):
            g = chosen(first + i == time - 1, final, carried, True)
            g = total(g, _times(conjugate(c, True), 2 * grads[i]), True)
            at_u = du + (row * time + first + i) * channels + channel
            tl.store(at_u, _along(b, g), mask=_there(first + i, time, channel, channels))
            heard = conjugate(befores[i], True)
            of_m = total(of_m, product(g, heard, True), True)
            of_b = total(of_b, _times(g, given[i]), True)
            of_c = total(of_c, _times(conjugate(afters[i], True), 2 * grads[i]), True)
            passed = product(conjugate(m, True), g, True)
            if RANK:
                dr = -2 * _along(p, g)
                of_p = total(of_p, _times(g, -_said(q, befores[i])), True)
                of_q = total(of_q, _times(heard, dr), True)
                passed = total(passed, _times(conjugate(q, True), dr), True)
            carried = _kept(total(g, passed, True), anew, marks, i)
    sums = of_m, of_b, of_c, of_p, of_q
    for part in tl.static_range(5 if RANK else 3):
        write(parts + 2 * part * tl.num_programs(0).to(tl.int64) * channels * size + at_row, sums[part], inside, True)
    write(d_initial + at_row, carried, inside, True)
