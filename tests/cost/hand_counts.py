"""Operations of one step, written by hand from each paper's equations: (in products, number by number)."""

Count = tuple[int, int]
"""Operations in products (2 a multiply-add, biases free) and number by number (1 an elementary function)"""


def rnn(d: int, h: int) -> Count:
    return 2 * h * (d + h), h + h  # W x + U h; their sum, f


def lstm(d: int, h: int) -> Count:
    gates = 4 * h + 3 * h + h  # sums, three sigmoids, tanh g
    return 2 * 4 * h * (d + h), gates + 3 * h + 2 * h  # f c + i g; o tanh(c)


def phased_lstm(d: int, h: int) -> Count:
    gates = 4 * h + 3 * 2 * h + 3 * h + h  # sums, peepholes, three sigmoids, tanh g
    clock = 1 + 2 * h + h + 2 * h + h + h  # time; (t - s) / tau; phase; 2 phi / r; 2 - that; leak
    return 2 * 4 * h * (d + h), gates + 3 * h + 2 * h + clock + 2 * 4 * h  # c~; h~; both kept in part


def cfc(d: int, h: int, *, w: int, layers: int) -> Count:
    backbone = w * (d + h) + (layers - 1) * w * w
    return 2 * (backbone + 4 * w * h), layers * 3 * w + 3 * h + 2 * h + 4 * h  # LeCun; s; two tanh; between them


def cfc_pure(d: int, h: int, *, w: int) -> Count:
    return 2 * (w * (d + h) + w * h), 3 * w + 1 + 2 * h + 2 * h + 3 * h  # -elapsed; |f| + |w|; exp; A - A . f


def gru(d: int, h: int) -> Count:
    gates = 2 * h + 2 * h  # sums and sigmoids of r and z
    return 2 * 3 * h * (d + h), gates + 3 * h + 3 * h  # n = tanh(. + r .); n + z (h - n)


def peephole_lstm(d: int, h: int) -> Count:
    products, elementwise = lstm(d, h)
    return products, elementwise + 3 * 2 * h  # p c, added


def coupled_lstm(d: int, h: int) -> Count:
    return 2 * 3 * h * (d + h), 3 * h + 3 * h + 4 * h + 2 * h  # sums; gates; f c + (1 - f) g; o tanh(c)


def projected_lstm(d: int, h: int, *, c: int) -> Count:
    return 2 * (4 * c * (d + h) + c * h), 13 * c


def norm(n: int, *, kind: str) -> int:
    return 7 * n if kind == "layer" else 4 * n + 2  # one quotient and its root a row


def norm_lstm(d: int, h: int, *, kind: str) -> Count:
    products, elementwise = lstm(d, h)
    return products, elementwise + 2 * norm(4 * h, kind=kind) + norm(h, kind=kind) + 4 * h + h  # and biases


def norm_gru(d: int, h: int, *, kind: str) -> Count:
    products, elementwise = gru(d, h)
    return products, elementwise + 2 * (norm(2 * h, kind=kind) + norm(h, kind=kind)) + 3 * h + h  # and biases


def zoneout_lstm(d: int, h: int) -> Count:
    products, elementwise = lstm(d, h)
    return products, elementwise + 2 * 3 * h  # new + k (old - new)


def minimal_gated_unit(d: int, h: int) -> Count:
    return 2 * (2 * d * h + 2 * h * h), 2 * h + h + 2 * h + 4 * h  # f; f h; n; (1 - f) h + f n


def minimal_rnn(d: int, h: int) -> Count:
    return 2 * (d * h + 2 * h * h), h + 2 * h + 4 * h  # z; k; k h + (1 - k) z


def orthogonal_rnn(d: int, h: int) -> Count:
    return 2 * h * (d + h), h + 4 * h  # sum; |a| + b, relu, times sign


def skip_rnn(d: int, h: int) -> Count:
    return 2 * (d * h + 2 * h * h), 3 * h


def ode_rnn(d: int, h: int, *, w: int, fields: int, beside: int, steps: int) -> Count:
    products, gates = gru(d, h)
    field = 2 * 2 * w * h * fields, w * fields  # two products and tanh an evaluation
    return products + steps * field[0], gates + 2 + steps * (field[1] + beside)  # 2: clamp, duration / steps


def deep_equilibrium(d: int, h: int, *, k: int) -> Count:
    iteration = 2 * h + (h + h + h)  # sum, tanh; how far it moved: difference, absolute value, largest
    return 2 * h * (d + h) + (k - 1) * 2 * h * h, 2 * h + (k - 1) * iteration


def clockwork(d: int, h: int, *, groups: int) -> Count:
    return 2 * h * d + h * h * (groups + 1) // groups, 2 * h  # blocks on and above the diagonal; sum, tanh


def min_gru(d: int, h: int) -> Count:
    return 2 * 2 * d * h, 5 * h  # sigmoid, 1 - z, z c, (1 - z) h, sum


def min_lstm(d: int, h: int) -> Count:
    return 2 * 3 * d * h, 4 * h + 4 * h  # f'; 1 - f', f' h, (1 - f') c, sum


def ind_rnn(d: int, h: int) -> Count:
    return 2 * d * h, 3 * h


def sru(d: int, h: int) -> Count:
    return 2 * (3 * d * h + (d * h if d != h else 0)), 2 * 4 * h + 4 * h + 4 * h  # gates; c; y


def quasi_rnn(d: int, h: int, *, k: int, pooling: str) -> Count:
    v = len(pooling) + 1
    read, complement = pooling != "f", pooling != "ifo"
    return 2 * k * d * v * h, 2 * v * h + (3 + read + complement) * h  # biases and gates; c and y


def slstm(d: int, h: int, *, n: int) -> Count:
    gates = 4 * h + 3 * h + 4 * h + 2 * h  # sums; m; f and i; tanh z, sigmoid o
    return 2 * (4 * d * h + 4 * h * h // n), gates + 3 * h + 2 * h + 2 * h  # c; n; o c / n


def lru(d: int, h: int, *, s: int) -> Count:
    state = 6 * s + 2 * s  # lambda h, complex; + gamma B x
    return 2 * (d * 2 * s + 2 * s * h + d * h), state + h


def lmu(d: int, h: int, *, s: int) -> Count:
    # u and what drives h, the memory, what it drives; their sums, Abar m + Bbar u, tanh
    return 2 * ((d + h) * (1 + h) + s + s * s + s * h), (1 + h) + 1 + 2 * s + 2 * h


def rg_lru(d: int, h: int, *, s: int, k: int) -> Count:
    decay = s + s + s + 5 * s  # r; times the decay; its exp; root of the clamped -expm1(2 .)
    state = s + 2 * s + 2 * s  # i; times v, times the root; a h, sum
    return 2 * (d * 2 * s + k * s + s * 2 * s + s * h), s + decay + state + 3 * s  # bias of the taps; gelu, times h


def s4d(d: int, h: int, *, s: int) -> Count:
    pairs = d * s // 2
    state = pairs * (6 + 2 + 2 + 2)  # (abar - 1) h, bbar u, their sum, added to h
    read = pairs * (6 + 2) + d  # C h, their sum, twice its real part
    return 2 * d * 2 * h, state + read + 2 * d + 2 * d + 2 * h  # + D u; gelu; gated linear unit


def s4(d: int, h: int, *, s: int) -> Count:
    pairs = d * s // 2
    explicit, driven = 6 + 4 + 2 * 2, 2 + 2  # dt L h, P^* h, times P, subtracted; B u, added
    implicit, read = 6 + 4 + 2 * 2 + 2, 6 + 2  # R h, P^* R h, times R P, subtracted, added to h; C h
    numbers = d * 3  # twice the real part, thrice
    mix = 2 * d + 2 * d + 2 * h  # + D u; gelu; gated linear unit
    return 2 * d * 2 * h, pairs * (explicit + driven + implicit + read) + numbers + mix


def s5(d: int, h: int, *, p: int) -> Count:
    state = p * (6 + 2)  # abar h, + bbar B x
    return 2 * (d * 2 * p + 2 * p * h + d * h + h * h), state + 2 * h + 2 * h + 2 * h  # 2 Re, + D x; gelu; gate


def mamba(d: int, h: int, *, e: int, s: int, k: int, r: int) -> Count:
    products = d * 2 * e + k * e + e * (r + 2 * s) + r * e + e * h
    selected = e + 2 * e + 2 * e  # bias, silu; bias and softplus of dt
    state = 2 * e * s + e + e * s + 2 * e * s  # exp(dt A); dt u, times B; kept and added
    read = 2 * e * s + 2 * e + 3 * e  # h C; + D u; times silu(g)
    return 2 * products, selected + state + read


def mamba2(d: int, h: int, *, e: int, n: int, s: int, k: int) -> Count:
    w = e + 2 * s
    products = d * (e + w + n) + k * w + s * e + e * h  # in, convolved, h C, out
    state = 2 * n + e + e * s + 2 * e * s  # exp(dt A); dt u, times B; kept and added
    return 2 * products, w + 2 * w + 2 * n + state + 2 * e + 3 * e + 4 * e + 2  # silu; dt; + D u; times silu(z); norm


def gated_delta_net(d: int, h: int, *, n: int, e: int, k: int) -> Count:
    w, state = 2 * h + e, h * e // n
    products = d * (w + e + 2 * n) + k * w + 2 * state + e * h  # in, convolved, h^T k and h^T q, out
    gates = 2 * w + 2 * (3 * h + 2 * n) + 4 * n + n  # silu; lengths of q and k; a; b
    return 2 * products, gates + 3 * e + 3 * state + (4 * e + 2 * n) + 3 * e  # b (v - a .); written; norm; silu(z)


def mlstm(d: int, h: int, *, n: int) -> Count:
    state = h * h // n
    gates = h + h + n + 6 * n + n + h  # k, o, log f; m and its exponents; f; i k
    return 2 * (d * 4 * h + d * 2 * n + state), gates + 3 * state + 2 * h + 2 * h + 5 * n + 2 * h  # C; n; n . q; h


def rwkv(d: int, h: int, *, n: int, m: int, r: int) -> Count:
    products = d * 5 * m + 5 * m * d + 4 * d * h + d * r + r * h + h * h // n + h * h  # mixes; r k v g; d; read; out
    mixes = 3 * d + 5 * m + 5 * d + 10 * d + r + 3 * h  # base, tanh, lambda, m; tanh, log w
    state = h + 3 * h * h // n  # exp; written
    return 2 * products, mixes + state + 5 * h + 7 * h + 2 * h + 3 * h  # bonus; norm, weight, bias; silu(g)


def hyena(d: int, h: int, *, c: int, n: int) -> Count:
    return 2 * ((d + 3) * (n + 1) * h + n * c * h + h * h), (n + 1) * h + n * h  # bias; gates


def attention(d: int, h: int, *, n: int, c: int, positions: int) -> Count:
    return 2 * (3 * d * h + 2 * c * h + h * h), n * c * (1 + 3) + positions  # scale, softmax; a mask chooses


def temporal_block(d: int, h: int, *, k: int) -> Count:
    return 2 * (k * h * (d + h) + (d * h if d != h else 0)), 4 * h  # three relus and the residual sum


def window_mlp(d: int, h: int, *, k: int) -> Count:
    return 2 * (k * d * h + h * h), h


def echo_state(d: int, h: int, *, leaky: bool) -> Count:
    return 2 * h * (d + h), (5 if leaky else 2) * h


def ntm(d: int, h: int, *, n: int, w: int, readers: int, writers: int, lstm_controller: bool = False) -> Count:
    k, shifts = readers + writers, 3
    seen, said = d + readers * w, k * (w + 1 + 1 + shifts + 1) + writers * 2 * w
    controller, gates = (4 * h * (seen + h), 13 * h) if lstm_controller else (h * seen, h)
    memory = k * n * w + writers * n * w + readers * n * w  # key against slots, adding, reading
    squashed = said + k * w + k + k + 3 * shifts * k + 2 * k + 2 * writers * w  # clamp; key, beta, g, s, gamma; e, a
    content = 3 * k * w + 2 * k + 3 * n * w + 2 * n + k * n + 3 * k * n  # lengths, quotients; beta, softmax
    place = (3 * k * n + k) + 2 * shifts * k * n + (3 * k * n + 3 * k * n)  # gate; shift; power and norm
    written = 3 * writers * n * w + 2 * n * w
    return 2 * (controller + h * said + memory + h * (h + readers * w)), gates + squashed + content + place + written


def rotary(h: int, n: int) -> int:
    return 3 * h // (2 * n) + 6 * h  # angle, sine, cosine of a pair; queries and keys turned
