"""sLSTM: an LSTM with an exponential input gate, a normaliser, and recurrent weights within heads.

Beck, Poeppel, Spanring, Auer, Prudnikova, Kopp, Klambauer, Brandstetter, Hochreiter 2024, "xLSTM: extended long
short-term memory", eq. 8-17, stabilised as in eq. 15-17:

    z_t = tanh(W_z x_t + R_z h_{t-1} + b_z)
    i~_t = W_i x_t + R_i h_{t-1} + b_i,  f~_t and o~_t likewise
    m_t = max(log sigmoid(f~_t) + m_{t-1}, i~_t)            the stabiliser, which leaves h as it is
    f_t = exp(log sigmoid(f~_t) + m_{t-1} - m_t)            "keep_gate" to a probe
    i_t = exp(i~_t - m_t)                                   "write_gate"
    c_t = f_t * c_{t-1} + i_t * z_t,  n_t = f_t * n_{t-1} + i_t
    h_t = sigmoid(o~_t) * c_t / n_t,  y_t = h_t             "read_gate"

The forget gate is the paper's sigmoid. m_0 is so low that m_1 = i~_1, as in the authors' code. R is block-diagonal:
units of a head see those of their head; it starts uniform in +-1 over the root of a head's width, in the authors' code
at zero, where gates stand in the order i, f, z, o. The cell stands here alone, without convolution, norm and
projections of the paper's block (figure 9).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from statewise import probe
from statewise.contract import Segments, SequenceLayer, Stepper, Vectors
from statewise.init.matrices import uniform_
from statewise.init.time_scales import spread
from statewise.layers.recurrence_stepper import recurrence_stepper
from statewise.modules.linear import Linear
from statewise.ops.dense_recurrence import dense_recurrence
from statewise.ops.gates.s_lstm import EMPTY, SLSTMGates
from statewise.ops.streams.dense import dense_stepping
from statewise.ops.streams.stepping import Stepping


class SLSTMState(NamedTuple):
    """What an sLSTM carries, at least float32."""

    h: Tensor
    """(B, H)"""
    c: Tensor
    """(B, H), times exp(-m)"""
    n: Tensor
    """(B, H), times exp(-m)"""
    m: Tensor
    """(B, H)"""


class SLSTM(SequenceLayer):
    """c_t = f_t * c_{t-1} + i_t * z_t, h_t = o_t * c_t / n_t, i_t an exponential.

    A sequence takes R as one matrix, zero between heads: so several heads take as long as one, 4 H^2 products a step
    where their blocks hold 4 H^2 / N.

    Args:
        input_size: D.
        hidden_size: H, width of state and output.
        heads: N, which divides H.
        forget_bias: b_f of a head's first unit at the start; a unit with bias b forgets after about ``1 + exp(b)``
            steps.
        forget_spread: how far above it the last unit's is.
        forget_power: how those between lie, see ``statewise.init.time_scales.spread``; 1 is evenly. The authors' code
            goes from 3 to 6 evenly or, as its language models do, from 5 down to -7 by a power of 0.3 in the first
            block and 1.6 in the last.
        input_bias: b_i at the start, the logarithm of what is let in.

    Raises:
        ValueError: if the heads do not divide H.

    >>> y, state = SLSTM(input_size=3, hidden_size=4)(torch.randn(2, 7, 3))
    >>> y.shape, state.c.shape
    (torch.Size([2, 7, 4]), torch.Size([2, 4]))
    """

    def __init__(
        self,
        *,
        input_size: int,
        hidden_size: int,
        heads: int = 1,
        forget_bias: float = 3.0,
        forget_spread: float = 0.0,
        forget_power: float = 1.0,
        input_bias: float = 0.0,
    ) -> None:
        super().__init__(Vectors(input_size), hidden_size)
        if heads < 1 or hidden_size % heads:
            raise ValueError(f"heads must divide the width, got {heads} heads and width {hidden_size}")
        self.heads = heads
        self.input = Linear(input_size, 4 * hidden_size)
        width = hidden_size // heads
        self.recurrent = nn.Parameter(uniform_(torch.empty(4, heads, width, width), width))
        self.recurrent_weights = {"recurrent": 4 * heads}
        with torch.no_grad():
            _, b_i, b_f, _ = self.input.bias.chunk(4)
            b_i.fill_(input_bias)
            b_f[:] = spread(width, forget_bias, forget_bias + forget_spread, forget_power).repeat(heads)

    @classmethod
    def width_multiple(cls, options: Mapping[str, Any]) -> int:
        return options["heads"]

    def initial_state(self, batch_size: int) -> SLSTMState:
        zeros = self.zeros(batch_size, self.output_size)
        zeros = zeros.to(torch.promote_types(zeros.dtype, torch.float32))
        return SLSTMState(zeros, zeros.clone(), zeros.clone(), torch.full_like(zeros, EMPTY))

    def step(self, x: Tensor, state: SLSTMState) -> tuple[Tensor, SLSTMState]:
        seen = torch.einsum("gnij,bnj->bgni", self.recurrent.to(state.h.dtype), state.h.unflatten(1, (self.heads, -1)))
        z, log_i, f, o = (self._driven(x).to(state.h.dtype) + seen.flatten(2)).unbind(1)
        kept = F.logsigmoid(f) + state.m
        m = torch.maximum(kept, log_i)
        f, i, o = (kept - m).exp(), (log_i - m).exp(), o.sigmoid()
        probe.record(self, "keep_gate", f)
        probe.record(self, "write_gate", i)
        probe.record(self, "read_gate", o)
        c, n = f * state.c + i * z.tanh(), f * state.n + i
        h = o * c / n
        return h.to(x.dtype), SLSTMState(h, c, n, m)

    def _segments(self, x: Tensor, state: SLSTMState, segments: Segments | None) -> tuple[Tensor, SLSTMState]:
        h, *memory = state
        driven = self._driven(x.transpose(0, 1)).to(h.dtype)
        weight, m = self._full().to(h.dtype), torch.stack(memory, dim=1)
        y, after = dense_recurrence(SLSTMGates(), driven, weight, None, h, m, segments=segments)
        return y.transpose(0, 1).to(x.dtype), SLSTMState(y[-1].clone(), *after.unbind(1))

    def stepper(self, state: SLSTMState) -> Stepper:
        return recurrence_stepper(self, state, self._in_place)

    def _in_place(self, state: SLSTMState) -> Stepping:
        h, *memory = state
        return dense_stepping(SLSTMGates(), (self.input.weight, self.input.bias), self._full(), None, h, memory)

    def _driven(self, x: Tensor) -> Tensor:
        """``W x + b`` of z, i, f and o, ``(..., 4, H)``."""
        return self.input(x).unflatten(-1, (4, self.output_size))

    def _full(self) -> Tensor:
        """R as one matrix ``(4 H, H)``, zero between heads."""
        same = torch.eye(self.heads, dtype=self.recurrent.dtype, device=self.recurrent.device)
        return torch.einsum("gnij,nm->gnimj", self.recurrent, same).reshape(-1, self.output_size)
