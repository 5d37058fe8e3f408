"""What gates of several cells do to one row, forward and back, for use inside compiled loops.

Arguments are vectors of the row ``(H,)``, no two the same, what is written last. d stands for the cotangent of what it
is put before, a for what a gate is made of before it is squashed. Like ``compiled.elementary``, plain Python until a
loop is compiled. Loops are short on purpose: with more than a few vectors in one, compilers work number by number, and
so they do where a vector is read and written under two names.
"""

from typing import Any

from statewise.ops.compiled.elementary import sigmoid, tanh

Array = Any


def open_gate(x: Array, u: Array, gate: Array) -> None:
    """gate = sigmoid(x + u)."""
    for j in range(gate.shape[0]):
        gate[j] = sigmoid(x[j] + u[j])


def squash(x: Array, u: Array, g: Array) -> None:
    """g = tanh(x + u)."""
    for j in range(g.shape[0]):
        g[j] = tanh(x[j] + u[j])


def copy(a: Array, y: Array) -> None:
    """y = a."""
    for j in range(y.shape[0]):
        y[j] = a[j]


def scale(a: Array, b: Array, y: Array) -> None:
    """y = a * b."""
    for j in range(y.shape[0]):
        y[j] = a[j] * b[j]


def rescale(a: Array, y: Array) -> None:
    """y *= a."""
    for j in range(y.shape[0]):
        y[j] *= a[j]


def add(a: Array, y: Array) -> None:
    """y += a."""
    for j in range(y.shape[0]):
        y[j] += a[j]


def accumulate(a: Array, b: Array, y: Array) -> None:
    """y += a * b."""
    for j in range(y.shape[0]):
        y[j] += a[j] * b[j]


def write(f: Array, c: Array, i: Array, g: Array, c_next: Array) -> None:
    """c' = f * c + i * g."""
    for j in range(c_next.shape[0]):
        c_next[j] = f[j] * c[j] + i[j] * g[j]


def write_back(dc: Array, i: Array, g: Array, da_i: Array, da_g: Array) -> None:
    """From c' = ... + i * g, i = sigmoid(a_i), g = tanh(a_g)."""
    one = i.dtype.type(1)
    for j in range(dc.shape[0]):
        da_i[j] = dc[j] * g[j] * i[j] * (one - i[j])
        da_g[j] = dc[j] * i[j] * (one - g[j] * g[j])


def keep_back(f: Array, c: Array, dc: Array, da: Array) -> None:
    """From c' = f * c + ..., f = sigmoid(a): dc of c' becomes that of c."""
    one = f.dtype.type(1)
    for j in range(dc.shape[0]):
        da[j] = dc[j] * c[j] * f[j] * (one - f[j])
        dc[j] *= f[j]


def read(o: Array, c: Array, t: Array, h: Array) -> None:
    """h = o * t, t = tanh(c)."""
    for j in range(h.shape[0]):
        t[j] = tanh(c[j])
    for j in range(h.shape[0]):
        h[j] = o[j] * t[j]


def read_back(dh: Array, o: Array, t: Array, da: Array, dc: Array) -> None:
    """From h = o * t, t = tanh(c), o = sigmoid(a): adds to dc."""
    one = o.dtype.type(1)
    for j in range(dh.shape[0]):
        da[j] = dh[j] * t[j] * o[j] * (one - o[j])
        dc[j] += dh[j] * o[j] * (one - t[j] * t[j])


def mix(z: Array, h: Array, n: Array, h_next: Array) -> None:
    """h' = n + z * (h - n)."""
    for j in range(h_next.shape[0]):
        h_next[j] = n[j] + z[j] * (h[j] - n[j])


def stay(keep: Array, old: Array, new: Array) -> None:
    """new = keep * old + (1 - keep) * new, the old to the last bit where keep is 1.

    Both cases are worked out, number by number: which one it is cannot be foreseen where rows differ.
    """
    for j in range(new.shape[0]):
        before, share = old[j], keep[j]
        mixed = new[j] + share * (before - new[j])
        new[j] = before if share == 1 else mixed


def stay_all(keep: Array, h: Array, m: Array, h_next: Array, m_next: Array) -> None:
    """``stay`` of h and of every vector of m, by as many vectors of shares."""
    stay(keep[0], h, h_next)
    for i in range(m.shape[0]):
        stay(keep[i + 1], m[i], m_next[i])


def mix_back(z: Array, h: Array, n: Array, dh: Array, da_z: Array, da_n: Array) -> None:
    """From h' = n + z * (h - n), z = sigmoid(a_z), n = tanh(a_n): dh of h' becomes that of h."""
    one = z.dtype.type(1)
    for j in range(dh.shape[0]):
        da_n[j] = dh[j] * (one - z[j]) * (one - n[j] * n[j])
        da_z[j] = dh[j] * (h[j] - n[j]) * z[j] * (one - z[j])
        dh[j] *= z[j]


def mixed_back(k: Array, new: Array, h: Array, dh: Array, dnew: Array, dk: Array) -> None:
    """From h' = h + k * (new - h): dh of h' becomes that of h; adds to dk."""
    one = k.dtype.type(1)
    for j in range(dh.shape[0]):
        dnew[j] = dh[j] * k[j]
        dk[j] += dh[j] * (new[j] - h[j])
        dh[j] *= one - k[j]


def reset_back(da_n: Array, r: Array, u: Array, da_r: Array, du: Array) -> None:
    """From n = tanh(... + r * u), r = sigmoid(a_r)."""
    one = r.dtype.type(1)
    for j in range(da_n.shape[0]):
        du[j] = da_n[j] * r[j]
        da_r[j] = da_n[j] * u[j] * r[j] * (one - r[j])


def gate_back(d: Array, r: Array, h: Array, dh: Array, da: Array) -> None:
    """From r * h, r = sigmoid(a): adds to dh."""
    one = r.dtype.type(1)
    for j in range(d.shape[0]):
        da[j] = d[j] * h[j] * r[j] * (one - r[j])
        dh[j] += d[j] * r[j]


def part(x: Array, number: int, width: int) -> Array:
    """Of several vectors that lie one after the other, the one of this number."""
    return x[number * width : (number + 1) * width]


PARTS = (
    open_gate, squash, copy, scale, rescale, add, accumulate, write, write_back, keep_back, read, read_back, mix,
    stay, stay_all, mix_back, mixed_back, reset_back, gate_back, part,
)  # fmt: skip
