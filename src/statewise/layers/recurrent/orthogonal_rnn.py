"""Orthogonal RNN: a recurrent matrix that turns and never stretches.

Lezcano-Casado & Martinez-Rubio 2019, "Cheap orthogonal constraints in neural networks", eq. 1-2 (expRNN); the unitary
RNN of Arjovsky, Shah & Bengio 2016, with its nonlinearity in real numbers (their eq. 8), before it:

    U   = exp(A - A^T), A strictly upper triangular
    a_t = W x_t + b_W + U h_{t-1}
    h_t = sign(a_t) * max(0, |a_t| + b),  y_t = h_t

Every rotation of H dimensions is one such U; the H (H - 1) / 2 entries of A are free parameters, so that any optimiser
keeps U orthogonal. Where b >= 0 no gradient fades on its way back through a product. The paper writes B for U and T for
W, sigma for the nonlinearity. At the start U turns pairs of units by angles uniform in [0, pi/2], as that of Helfrich,
Willmott & Ye 2018 does; the paper's other choice, Henaff, Szlam & LeCun 2016, is [-pi, pi].
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from statewise.autocast import unrounded
from statewise.contract import Segments, SequenceLayer, Stepper, Vectors, from_weights
from statewise.init.matrices import uniform_
from statewise.layers.recurrence_stepper import recurrence_stepper
from statewise.modules.linear import Linear
from statewise.ops.dense_recurrence import dense_recurrence
from statewise.ops.gates.modrelu import ModReLUGates
from statewise.ops.streams.dense import dense_stepping
from statewise.ops.streams.stepping import Stepping


class OrthogonalRNNState(NamedTuple):
    """What an orthogonal RNN carries."""

    h: Tensor
    """(B, H), at least float32"""


class OrthogonalRNN(SequenceLayer):
    """h_t = modReLU(W x_t + b_W + U h_{t-1}), U orthogonal whatever is learnt.

    The exponential is worked out once a sequence and once a stream, at about 30 H^3 operations. Nothing that turns is
    forgotten, and no rounding error: state and recurrent product stay in float32 under autocast and in half precision,
    and what the exponential is off orthogonal is taken away in double precision (Bjorck & Bowie 1971).

    Args:
        input_size: D.
        hidden_size: H, width of state and output.
        largest_angle: at the start U turns pairs of units by angles drawn between 0 and this.

    >>> layer = OrthogonalRNN(input_size=3, hidden_size=4)
    >>> y, state = layer(torch.randn(2, 7, 3))
    >>> y.shape, bool((layer.rotation() @ layer.rotation().T - torch.eye(4)).abs().max() < 2e-7)
    (torch.Size([2, 7, 4]), True)
    """

    undecayed = ("entries",)

    def __init__(self, *, input_size: int, hidden_size: int, largest_angle: float = math.pi / 2) -> None:
        super().__init__(Vectors(input_size), hidden_size)
        self.input = Linear(input_size, hidden_size)
        for parameter in self.input.parameters():
            uniform_(parameter, hidden_size)
        generator = torch.zeros(hidden_size, hidden_size)
        pairs = torch.arange(0, hidden_size - 1, 2)
        generator[pairs, pairs + 1] = torch.empty(len(pairs)).uniform_(0, largest_angle)
        self.entries = nn.Parameter(generator[self._places()])
        self.bias = nn.Parameter(torch.zeros(hidden_size))

    def initial_state(self, batch_size: int) -> OrthogonalRNNState:
        return OrthogonalRNNState(_upcast(self.zeros(batch_size, self.output_size)))

    def step(self, x: Tensor, state: OrthogonalRNNState) -> tuple[Tensor, OrthogonalRNNState]:
        driven = self.input(x)
        with unrounded(x):
            a = driven + F.linear(state.h, self.rotation())
        h = a.sign() * (a.abs() + self.bias).relu()
        return h.to(x.dtype), OrthogonalRNNState(h)

    def _segments(
        self, x: Tensor, state: OrthogonalRNNState, segments: Segments | None
    ) -> tuple[Tensor, OrthogonalRNNState]:
        driven, h = _upcast(self.input(x.transpose(0, 1)).unsqueeze(2)), state.h
        gates, nothing = ModReLUGates(_upcast(self.bias)), h.new_empty(len(h), 0, h.shape[1])
        with unrounded(x):
            y, _ = dense_recurrence(gates, driven, self.rotation(), None, h, nothing, segments=segments)
        return y.transpose(0, 1).to(x.dtype), OrthogonalRNNState(y[-1].clone())

    def stepper(self, state: OrthogonalRNNState) -> Stepper:
        return recurrence_stepper(self, state, self._in_place)

    def _in_place(self, state: OrthogonalRNNState) -> Stepping:
        inputs = self.input.weight, self.input.bias
        return dense_stepping(ModReLUGates(self.bias), inputs, self.rotation(), None, state.h)

    @from_weights
    def rotation(self) -> Tensor:
        """U ``(H, H)``, at least float32, as orthogonal as its dtype can tell."""
        entries = _upcast(self.entries)
        upper = entries.new_zeros(self.output_size, self.output_size).index_put(self._places(), entries)
        return _straightened(torch.linalg.matrix_exp(upper - upper.T))

    def _places(self) -> tuple[Tensor, Tensor]:
        """Rows and columns of the entries of A."""
        rows, columns = torch.triu_indices(self.output_size, self.output_size, offset=1, device=self.device)
        return rows, columns


def _straightened(u: Tensor) -> Tensor:
    """The orthogonal matrix next to one that is all but orthogonal: U (3 I - U^T U) / 2, off by its error squared."""
    precise = u.double()
    with unrounded(u):
        return (1.5 * precise - 0.5 * (precise @ (precise.T @ precise))).to(u.dtype)


def _upcast(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))
