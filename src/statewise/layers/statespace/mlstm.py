"""mLSTM: an LSTM with a matrix for a memory, an exponential input gate and no recurrent weights.

Beck, Poeppel, Spanring, Auer, Prudnikova, Kopp, Klambauer, Brandstetter, Hochreiter (2024), "xLSTM: Extended Long
Short-Term Memory", arXiv 2405.04517, eq. 19 to 27, in N heads of K = H / N numbers each:

    q_t = W_q x_t + b_q,    k_t = (W_k x_t + b_k) / sqrt(K),    v_t = W_v x_t + b_v
    i_t = exp(w_i x_t + b_i),    f_t = sigmoid(w_f x_t + b_f)              one number a head
    C_t = f_t C_{t-1} + i_t k_t v_t^T                                      (K, K)
    n_t = f_t n_{t-1} + i_t k_t                                            (K,)
    h_t = sigmoid(W_o x_t + b_o) * C_t^T q_t / max(|n_t . q_t|, 1)         y_t = h_t

C is carried times exp(-m) and so is n, with the stabiliser of eq. 15 to 17:

    m_t = max(log f_t + m_{t-1}, log i_t)

It leaves h as it is where what h is divided by is at least exp(-m) in these terms, as in the authors' code.

Our C is the paper's transposed, our b_k its own times sqrt(K); all other letters are the paper's. In the authors' code
the gates see q, k and v in place of x, their weights start at zero, and h is normed in a head. It stands here alone,
without the block that the paper builds around it (figure 10): the catalog puts a norm before it, a residual around it
and a feed-forward behind it.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from statewise import probe
from statewise.contract import Segments, SequenceLayer, Stepper, Vectors
from statewise.init.time_scales import spread
from statewise.layers.in_place_stepper import in_place_stepper
from statewise.layers.statespace.matrix_state import read, write
from statewise.layers.statespace.precision import upcast
from statewise.modules.linear import Linear
from statewise.ops.in_place import InPlace
from statewise.ops.matrix_in_place import by_head, gated_quotient, stabilised, write_and_read
from statewise.ops.matrix_recurrence import matrix_recurrence
from statewise.ops.running_maximum import running_maximum

LARGEST_EXPONENT = 80.0
"""Bound on what the stabiliser is undone with: exp of it is still a number in float32, and one over it too"""


class MLSTMState(NamedTuple):
    """What an mLSTM carries, at least float32."""

    C: Tensor
    """``(B, N, K, K)``, times exp(-m)."""
    n: Tensor
    """``(B, N, K)``, times exp(-m)."""
    m: Tensor
    """``(B, N)``."""


class MLSTM(SequenceLayer):
    """Matrix LSTM of xLSTM: ``C_t = f_t C_{t-1} + i_t k_t v_t^T``, read with ``q_t`` and normalised.

    ``x (B, T, input_size) -> y (B, T, hidden_size)``. The recurrence and its state stay in float32 under autocast
    and in half precision.

    Args:
        input_size: width of the input.
        hidden_size: H, width of keys, values and output.
        heads: N, which divides H.
        forget_bias: initial bias of the first head's forget gate; a head with bias b remembers for about
            ``1 + exp(b)`` steps.
        forget_spread: how far above it the last head's is; those between are spread evenly. The authors' code, too,
            has 3 to 6.
        input_bias: initial bias of the input gates, the logarithm of what they let in. xLSTM 7B takes -10.

    Raises:
        ValueError: if the heads do not divide H.

    A ``probe`` sees ``"keep_gate"`` f and ``"stabiliser"`` m, each ``(B, T, N)``.

    >>> layer = MLSTM(input_size=3, hidden_size=4)
    >>> y, state = layer(torch.zeros(2, 5, 3))
    >>> y.shape, state.C.shape, state.n.shape, state.m.shape
    (torch.Size([2, 5, 4]), torch.Size([2, 2, 2, 2]), torch.Size([2, 2, 2]), torch.Size([2, 2]))
    """

    def __init__(
        self,
        *,
        input_size: int,
        hidden_size: int,
        heads: int = 2,
        forget_bias: float = 3.0,
        forget_spread: float = 3.0,
        input_bias: float = 0.0,
    ) -> None:
        super().__init__(Vectors(input_size), output_size=hidden_size)
        if heads < 1 or hidden_size % heads:
            raise ValueError(f"heads must divide the width, got {heads} heads and width {hidden_size}")
        self.heads = heads
        self.project = Linear(input_size, 4 * hidden_size)
        self.gates = Linear(input_size, 2 * heads)
        nn.init.constant_(self.gates.bias[:heads], input_bias)
        with torch.no_grad():
            self.gates.bias[heads:] = spread(heads, forget_bias, forget_bias + forget_spread)

    @classmethod
    def width_multiple(cls, options: Mapping[str, Any]) -> int:
        return options["heads"]

    def initial_state(self, batch_size: int) -> MLSTMState:
        width = self.output_size // self.heads
        n = upcast(self.zeros(batch_size, self.heads, width))
        return MLSTMState(n.unsqueeze(-1).expand(-1, -1, -1, width).clone(), n, n[..., 0].clone())

    def step(self, x: Tensor, state: MLSTMState) -> tuple[Tensor, MLSTMState]:
        q, k, v, o = self._projected(x)
        log_i, log_f = self._gates(x)
        kept = log_f + state.m
        m = torch.maximum(kept, log_i)
        f, written = (kept - m).exp().unsqueeze(-1), (log_i - m).exp().unsqueeze(-1) * k
        probe.record(self, "keep_gate", log_f.exp())
        probe.record(self, "stabiliser", m)
        c = write(state.C, f, written, v)
        n = f * state.n + written
        return self._read(read(c, q), (n * q).sum(-1), m, o), MLSTMState(c, n, m)

    def _segments(self, x: Tensor, state: MLSTMState, segments: Segments | None) -> tuple[Tensor, MLSTMState]:
        """The normaliser is what a value of 1 leaves in the memory, so it goes along as one more column."""
        q, k, v, o = self._projected(x)
        log_i, log_f = self._gates(x)
        m = running_maximum(log_f, log_i, state.m, segments)
        before = torch.cat([state.m.unsqueeze(1), m[:, :-1]], dim=1)
        if segments is not None:
            before = segments.fill(before)
        f, i = log_f + before - m, (log_i - m).exp()
        both = torch.cat([state.C, state.n.unsqueeze(-1)], dim=-1)
        k, v = i.unsqueeze(-1) * k, F.pad(v, (0, 1), value=1.0)
        s, both = matrix_recurrence(q, k, v, f.unsqueeze(-1), both, segments)
        y = self._read(s[..., :-1], s[..., -1], m, o)
        return y, MLSTMState(both[..., :-1].clone(), both[..., -1].clone(), m[:, -1].clone())

    def stepper(self, state: MLSTMState) -> Stepper:
        return in_place_stepper(self, state, self._in_place)

    def _in_place(self, stream: InPlace, state: MLSTMState) -> None:
        i, f = (stream.affine(stream.x, *part) for part in _parts(self.gates, 2))
        keep, enter, m = stabilised(stream, i, f, state.m)
        q, k, v, o = (stream.affine(stream.x, *part).unflatten(1, (self.heads, -1)) for part in _parts(self.project, 4))
        k, keep = by_head(stream, enter, k, factor=k.shape[-1] ** -0.5), keep.unsqueeze(-1)
        s, c = write_and_read(stream, q, k, v, keep, state.C)
        total, n = write_and_read(stream, q, k, torch.ones_like(keep), keep, state.n.unsqueeze(-1))
        y = gated_quotient(stream, s, total, m, o, LARGEST_EXPONENT)
        stream.ready(y.flatten(1), lambda: [c, n.squeeze(-1), m])

    def _projected(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """``q``, ``k`` and ``v (..., N, K)``, at least float32, and the output gate ``(..., H)``."""
        q, k, v, o = self.project(x).chunk(4, dim=-1)
        q, k, v = (upcast(part).unflatten(-1, (self.heads, -1)) for part in (q, k, v))
        return q, k / k.shape[-1] ** 0.5, v, torch.sigmoid(o)

    def _gates(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """``log i`` and ``log f``, each ``(..., N)``."""
        i, f = upcast(self.gates(x)).chunk(2, dim=-1)
        return i, F.logsigmoid(f)

    def _read(self, s: Tensor, n: Tensor, m: Tensor, o: Tensor) -> Tensor:
        """The output from what is read of memory ``(..., N, K)`` and normaliser ``(..., N)``, both times exp(-m)."""
        least = (-m).clamp(-LARGEST_EXPONENT, LARGEST_EXPONENT).exp()
        return o * (s / torch.maximum(n.abs(), least).unsqueeze(-1)).flatten(-2).to(o.dtype)


def _parts(map: Linear, number: int) -> list[tuple[Tensor, Tensor]]:
    """Weight and bias of each of so many equal parts of what it puts out."""
    return list(zip(map.weight.chunk(number), map.bias.chunk(number), strict=True))
