"""QRNN: convolutions over time make all gates, and all that is recurrent is a pooling without weights.

Bradbury, Merity, Xiong, Socher 2017, "Quasi-recurrent neural networks", eq. 1-6:

    z_t = tanh(W_z x_{t-K+1..t})                            causal, K steps wide; likewise f, o, i with sigmoid
    c_t = f_t * c_{t-1} + (1 - f_t) * z_t,  y_t = c_t       f-pooling, eq. 3
    the same c_t,  y_t = o_t * c_t                          fo-pooling, eq. 4
    c_t = f_t * c_{t-1} + i_t * z_t,  y_t = o_t * c_t       ifo-pooling, eq. 5

Our y is the paper's h. Zoneout sets f to 1 for some units and steps in training (eq. 6) and does nothing in eval mode:
dropout on 1 - f that is not rescaled, as there. To a probe f is "keep_gate", o "read_gate", i "write_gate". The filters
stand as in ``torch.nn.Conv1d``; all have biases.
"""

import math
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn

from statewise import probe
from statewise.contract import Segments, SequenceLayer, Stepper, Vectors
from statewise.errors import choose
from statewise.layers.in_place_stepper import in_place_stepper
from statewise.layers.recurrent.noise import Noise, NoiseState, kept_shares
from statewise.ops.causal_convolution import causal_convolution
from statewise.ops.cells.qrnn import FOPoolCell, FPoolCell, IFOPoolCell
from statewise.ops.elementwise_recurrence import elementwise_recurrence
from statewise.ops.in_place import InPlace

Pooling = Literal["f", "fo", "ifo"]
CELLS = {"f": FPoolCell, "fo": FOPoolCell, "ifo": IFOPoolCell}


class QuasiRNNState(NamedTuple):
    """What a QRNN carries."""

    c: Tensor
    """(B, H)"""
    tail: Tensor
    """(B, K - 1, D): the inputs before"""
    noise: NoiseState | tuple[()]
    """Empty where there is no zoneout"""


class QuasiRNN(SequenceLayer):
    """c_t = f_t * c_{t-1} + (1 - f_t) * z_t, y_t = o_t * c_t, all gates made of the last K inputs.

    Args:
        input_size: D.
        hidden_size: H, width of memory and output.
        kernel_size: K.
        pooling: which gates there are.
        forget_bias: of f at the start; above 0 the unit keeps more.
        zoneout: how often f is 1, in [0, 1).

    Raises:
        ValueError: if the pooling is unknown, the kernel empty or the rate outside [0, 1).

    >>> y, state = QuasiRNN(input_size=3, hidden_size=4)(torch.randn(2, 7, 3))
    >>> y.shape, state.c.shape, state.tail.shape
    (torch.Size([2, 7, 4]), torch.Size([2, 4]), torch.Size([2, 1, 3]))
    """

    def __init__(
        self,
        *,
        input_size: int,
        hidden_size: int,
        kernel_size: int = 2,
        pooling: Pooling = "fo",
        forget_bias: float = 0.0,
        zoneout: float = 0.0,
    ) -> None:
        super().__init__(Vectors(input_size), hidden_size)
        if kernel_size < 1:
            raise ValueError(f"the kernel must be at least 1 step wide, got {kernel_size}")
        self.pooling = choose("pooling", pooling, get_args(Pooling))
        self.noise = Noise(zoneout=zoneout)
        self.tail_shape = (kernel_size - 1, input_size)
        self.vectors = len(pooling) + 1
        bound = 1 / math.sqrt(input_size * kernel_size)
        self.weight = nn.Parameter(
            torch.empty(self.vectors * hidden_size, input_size, kernel_size).uniform_(-bound, bound)
        )
        self.bias = nn.Parameter(torch.empty(self.vectors * hidden_size).uniform_(-bound, bound))
        nn.init.constant_(self.bias[hidden_size : 2 * hidden_size], forget_bias)

    def initial_state(self, batch_size: int) -> QuasiRNNState:
        c, tail = self.zeros(batch_size, self.output_size), self.zeros(batch_size, *self.tail_shape)
        if not self.noise.anywhere:
            return QuasiRNNState(c, tail, ())
        seed = self.noise_seeds(batch_size)
        return QuasiRNNState(c, tail, NoiseState(seed, torch.zeros_like(seed)))

    def step(self, x: Tensor, state: QuasiRNNState) -> tuple[Tensor, QuasiRNNState]:
        window = torch.cat([state.tail, x.unsqueeze(1)], dim=1)
        made = torch.einsum("bkd,gdk->bg", window, self.weight) + self.bias
        z, f, *others = made.unflatten(1, (self.vectors, self.output_size)).unbind(1)
        z, f, others = z.tanh(), f.sigmoid(), [gate.sigmoid() for gate in others]
        if self.training and state.noise:
            f = f.masked_fill(self._kept(state.noise), 1.0)
        i = others[1] if self.pooling == "ifo" else 1 - f
        probe.record(self, "keep_gate", f)
        probe.record(self, "write_gate", i)
        c = f * state.c + i * z
        after = QuasiRNNState(c, window[:, 1:], state.noise and state.noise.later(1))
        if self.pooling == "f":
            return c, after
        probe.record(self, "read_gate", others[0])
        return others[0] * c, after

    def _segments(self, x: Tensor, state: QuasiRNNState, segments: Segments | None) -> tuple[Tensor, QuasiRNNState]:
        made, tail = causal_convolution(x, state.tail, self.weight, self.bias, segments)
        driven = made.to(state.c.dtype).unflatten(2, (self.vectors, self.output_size))
        noise: NoiseState | tuple[()] = ()
        if state.noise:
            throughout, noise = state.noise.throughout(x.shape[1], segments, self.noise_seeds)
            if self.training:
                z, f, *others = driven.unbind(2)
                driven = torch.stack([z, f.masked_fill(self._kept(throughout), math.inf), *others], dim=2)
        y, c = elementwise_recurrence(CELLS[self.pooling](), driven, state.c, segments)
        return y, QuasiRNNState(c, tail, noise)

    def stepper(self, state: QuasiRNNState) -> Stepper:
        if self.noise.anywhere:
            return super().stepper(state)
        return in_place_stepper(self, state, self._in_place)

    def _in_place(self, stream: InPlace, state: QuasiRNNState) -> None:
        window = stream.window(stream.x, state.tail)
        made = stream.affine(window.flatten(1), self.weight.transpose(1, 2).flatten(1), self.bias)
        driven = made.unflatten(1, (self.vectors, -1))
        y, c = stream.elementwise(CELLS[self.pooling](), driven, state.c)
        stream.ready(y, lambda: [c, window[:, 1:]])

    def _kept(self, noise: NoiseState) -> Tensor:
        """Where f is 1: ``(..., H)`` bool for steps ``(B,)`` or ``(B, T)``."""
        return kept_shares((self.noise.zoneout,), self.output_size, noise, torch.bool).squeeze(-2)
