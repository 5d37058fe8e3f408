"""What a stream with a matrix for a state in every head goes through at each step, on rooms of ``InPlace``.

Letters: B rows, N heads, K width of a key, V width of a value. Rooms may be views of others.

>>> stream = InPlace(1, 2, torch.float32)
>>> key, ones = stream.x.view(1, 1, 2), torch.ones(1, 1, 1)
>>> y, h = write_and_read(stream, key, key, ones, ones / 2, torch.zeros(1, 1, 2, 1))
>>> stream.ready(y.flatten(1), lambda: [h])
>>> [stream(torch.ones(1, 2)).item() for _ in range(2)]
[2.0, 3.0]
"""

import torch
from torch import Tensor

from statewise.ops.in_place import InPlace, held
from statewise.ops.shapes import Shapes

MATRIX = Shapes("write_and_read", {"q": "B N K", "k": "B N K", "v": "B N V", "a": "B N K?", "h": "B N K V"})
BONUS = Shapes(
    "read_and_write", {"q": "B N K", "k": "B N K", "v": "B N V", "a": "B N K", "bonus": "N K", "h": "B N K V"}
)
DELTA = Shapes("replace_and_read", {"q": "B N K", "k": "B N K", "v": "B N V", "a": "B N", "b": "B N", "h": "B N K V"})
HEADS = Shapes("by_head", {"scale": "B N", "x": "B N K"})
NORMED = Shapes("normed_by_head", {"x": "B N K", "gain": "N K", "bias": "N K"})
DECAY = Shapes("decay", {"x": "B N", "rate": "N"})
STABILISED = Shapes("stabilised", {"log_i": "B N", "f": "B N", "m": "B N"})
QUOTIENT = Shapes("gated_quotient", {"s": "B N K", "total": "B N 1", "m": "B N", "o": "B N K"})


def write_and_read(stream: InPlace, q: Tensor, k: Tensor, v: Tensor, a: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """y ``(B, N, V)`` and h of a ``matrix_recurrence`` from h on, whose decay is a room, no logarithm."""
    from statewise.ops.compiled.matrix_state import write_and_read

    h = held(h)
    MATRIX.check(q, k, v, a, h)
    y = torch.zeros_like(v)
    stream.run(write_and_read, q, k, v, a, h, y)
    return y, h


def replace_and_read(
    stream: InPlace, q: Tensor, k: Tensor, v: Tensor, a: Tensor, b: Tensor, h: Tensor
) -> tuple[Tensor, Tensor]:
    """y ``(B, N, V)`` and h of a ``delta_rule`` from h on, by rooms ``a`` and ``b (B, N)``."""
    from statewise.ops.compiled.matrix_state import replacement, write_and_read

    h = held(h)
    DELTA.check(q, k, v, a, b, h)
    u, y = torch.zeros_like(v), torch.zeros_like(v)
    stream.run(replacement, k, v, a, b, h, u)
    stream.run(write_and_read, q, k, u, a.unsqueeze(-1), h, y)
    return y, h


def read_and_write(
    stream: InPlace, q: Tensor, k: Tensor, v: Tensor, a: Tensor, bonus: Tensor, h: Tensor
) -> tuple[Tensor, Tensor]:
    """y = (h + diag(bonus) k v^T)^T q ``(B, N, V)``, then h = a * h + k v^T, with ``bonus (N, K)``; see ``RWKV``."""
    from statewise.ops.compiled.matrix_state import read_and_write

    h, y = held(h), torch.zeros_like(v)
    BONUS.check(q, k, v, a, bonus, h)
    stream.run(read_and_write, q, k, v, a, held(bonus), h, y)
    return y, h


def by_head(stream: InPlace, scale: Tensor, x: Tensor, *, factor: float = 1.0) -> Tensor:
    """factor * scale * x ``(B, N, K)``, of rooms ``scale (B, N)`` and ``x (B, N, K)``."""
    from statewise.ops.compiled.matrix_state import by_head

    HEADS.check(scale, x)
    y = torch.zeros_like(x)
    stream.run(by_head, scale, x.new_tensor([factor]), x, y)
    return y


def decay(stream: InPlace, x: Tensor, rate: Tensor) -> Tensor:
    """exp(-rate * x), of a room ``x (B, N)`` and ``rate (N,)``."""
    from statewise.ops.compiled.matrix_state import decay

    DECAY.check(x, rate)
    y = torch.zeros_like(x)
    stream.run(decay, x, held(rate), y)
    return y


def decay_of_exponential(stream: InPlace, x: Tensor) -> Tensor:
    """exp(-exp(x)), of a room ``(B, H)``."""
    from statewise.ops.compiled.matrix_state import decay_of_exponential

    y = torch.zeros_like(x)
    stream.run(decay_of_exponential, x, y)
    return y


def normed_by_head(stream: InPlace, x: Tensor, gain: Tensor, bias: Tensor, epsilon: float) -> Tensor:
    """gain * N(x) + bias of every head, a room ``(B, N, K)``, with ``gain`` and ``bias (N, K)``; N is LayerNorm's."""
    from statewise.ops.compiled.matrix_state import normed_by_head

    NORMED.check(x, gain, bias)
    y = torch.zeros_like(x)
    stream.run(normed_by_head, x, held(gain), held(bias), x.new_tensor([epsilon]), y)
    return y


def of_length_one(stream: InPlace, x: Tensor, epsilon: float) -> Tensor:
    """x / sqrt(|x|^2 + epsilon), of a room ``(B, N, K)``."""
    from statewise.ops.compiled.matrix_state import of_length_one

    y = torch.zeros_like(x)
    stream.run(of_length_one, x, y, x.new_tensor([epsilon]))
    return y


def stabilised(stream: InPlace, log_i: Tensor, f: Tensor, m: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """How much is kept and enters, and m, the logarithm that both are divided by: ``(B, N)`` each; see ``MLSTM``."""
    from statewise.ops.compiled.matrix_state import stabilise

    m = held(m)
    STABILISED.check(log_i, f, m)
    keep, enter = torch.zeros_like(m), torch.zeros_like(m)
    stream.run(stabilise, log_i, f, m, keep, enter)
    return keep, enter, m


def gated_quotient(stream: InPlace, s: Tensor, total: Tensor, m: Tensor, o: Tensor, largest_exponent: float) -> Tensor:
    """sigmoid(o) * s / max(|total|, exp(-m)) ``(B, N, K)``; see ``MLSTM``."""
    from statewise.ops.compiled.matrix_state import gated_quotient

    QUOTIENT.check(s, total, m, o)
    y = torch.zeros_like(s)
    stream.run(gated_quotient, s, total, m, o, s.new_tensor([largest_exponent]), y)
    return y
