"""CfC: a continuous-time cell in closed form, without a solver, for irregular time stamps.

Hasani, Lechner, Amini, Liebenwein, Ray, Tschaikowski, Teschl & Rus 2022, "Closed-form Continuous-time Neural Networks",
with z_t = backbone([x_t, h_{t-1}]) and Delta_t the time since the step before:

    s_t = sigmoid(a(z_t) Delta_t + b(z_t))                                       the time gate
    h_t = (1 - s_t) * tanh(f_1(z_t)) + s_t * tanh(f_2(z_t)),  y_t = h_t          mode "default"
    h_t = tanh(f_1(z_t)) + s_t * tanh(f_2(z_t))                                  mode "no_gate"
    h_t = A - A * exp(-(|w_tau| + |f_1(z_t)|) Delta_t) * f_1(z_t)                mode "pure", the solution itself

a, b, f_1, f_2 are linear, the backbone's layers end in LeCun's 1.7159 tanh(2/3 .). The paper's eq. 10 has
sigmoid(-f t) * g + (1 - sigmoid(-f t)) * h: its f, g, h are our a with another sign, f_1, f_2, and b is the authors'
code's. Its eq. 5 is "pure". Modes, equations, names and layout of the weights are those of ``ncps.torch.CfCCell``,
whose 0.666 the backbone takes too: ``state_dict``s are interchangeable. Its ``CfC`` mixes rows where time stamps are
``(B, T)`` and B is its width; here Delta_t is a number a row.
"""

from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn

from statewise import probe
from statewise.contract import Segments, SequenceLayer, Stepper, Timed, Vectors
from statewise.errors import choose
from statewise.layers.recurrence_stepper import recurrence_stepper
from statewise.ops.chained_recurrence import chained_recurrence
from statewise.ops.chains.cfc import CfCGates, CfCSolution
from statewise.ops.linear import linear
from statewise.ops.streams.chained import chained_stepping
from statewise.ops.streams.feeds import Elapsed
from statewise.ops.streams.stepping import Stepping

Mode = Literal["default", "no_gate", "pure"]


class CfCState(NamedTuple):
    """What a CfC carries."""

    h: Tensor
    """(B, H)"""


class LeCunTanh(nn.Module):
    """1.7159 tanh(0.666 x), of slope about 1 (LeCun et al. 1998, section 4.4)."""

    def forward(self, x: Tensor) -> Tensor:
        return 1.7159 * (0.666 * x).tanh()


class CfC(SequenceLayer):
    """``h_t = (1 - s_t) * tanh(f_1(z_t)) + s_t * tanh(f_2(z_t))``, s_t a gate of the time that has passed.

    It reads time: ``Timed(values (B, T, input_size), elapsed (B, T))``; without time stamps 1 passes a step.

    Args:
        input_size: D.
        hidden_size: H, width of state and output.
        mode: which of the three equations.
        backbone_size: width of the backbone; as wide as ``hidden_size`` where it is ``None``. ncps has 128.
        backbone_layers: how deep it is, at least 1.

    Raises:
        ValueError: if the mode is unknown or the backbone has no layer.

    >>> x = Timed(torch.randn(2, 7, 3), torch.rand(2, 7))
    >>> y, state = CfC(input_size=3, hidden_size=4)(x)
    >>> y.shape, state.h.shape
    (torch.Size([2, 7, 4]), torch.Size([2, 4]))
    """

    reads_time = True

    def __init__(
        self,
        *,
        input_size: int,
        hidden_size: int,
        mode: Mode = "default",
        backbone_size: int | None = None,
        backbone_layers: int = 1,
    ) -> None:
        super().__init__(Vectors(input_size), hidden_size)
        if backbone_layers < 1:
            raise ValueError(f"backbone_layers must be at least 1, got {backbone_layers}")
        self.mode = choose("mode", mode, get_args(Mode))
        width = hidden_size if backbone_size is None else backbone_size
        sizes = [input_size + hidden_size, *[width] * backbone_layers]
        self.backbone = nn.Sequential(
            *(part for i in range(backbone_layers) for part in (nn.Linear(sizes[i], sizes[i + 1]), LeCunTanh()))
        )
        self.ff1 = nn.Linear(width, hidden_size)
        if mode == "pure":
            self.w_tau = nn.Parameter(torch.empty(1, hidden_size))
            self.A = nn.Parameter(torch.empty(1, hidden_size))
        else:
            self.ff2 = nn.Linear(width, hidden_size)
            self.time_a = nn.Linear(width, hidden_size)
            self.time_b = nn.Linear(width, hidden_size)
        for matrix in self.parameters():
            if matrix.dim() == 2:
                nn.init.xavier_uniform_(matrix)

    def initial_state(self, batch_size: int) -> CfCState:
        return CfCState(self.zeros(batch_size, self.output_size))

    def step(self, x: Timed, state: CfCState) -> tuple[Tensor, CfCState]:
        z = self.backbone(torch.cat([x.values, state.h], dim=1))
        elapsed = x.elapsed.unsqueeze(1)
        if self.mode == "pure":
            h = self._solution(self.ff1(z), elapsed)
        else:
            s = (self.time_a(z) * elapsed + self.time_b(z)).sigmoid()
            probe.record(self, "time_gate", s)
            h = self._between(s, self.ff1(z).tanh(), self.ff2(z).tanh())
        return h.to(x.values.dtype), CfCState(h)

    def _segments(self, x: Timed, state: CfCState, segments: Segments | None) -> tuple[Tensor, CfCState]:
        """What the backbone's first layer makes of x is done for all steps before, and all heads are one product."""
        gates, inputs, weights = self._chain()
        driven = linear(x.values.transpose(0, 1), *inputs)
        timed = torch.cat([driven, x.elapsed.t().unsqueeze(2).to(driven.dtype)], dim=2)
        y, _ = chained_recurrence(gates, timed, weights, state.h, segments=segments)
        return y.transpose(0, 1).to(x.values.dtype), CfCState(y[-1].clone())

    def stepper(self, state: CfCState) -> Stepper:
        return recurrence_stepper(self, state, self._in_place)

    def _in_place(self, state: CfCState) -> Stepping:
        gates, inputs, weights = self._chain()
        return chained_stepping(gates, inputs, weights, state.h, feed=Elapsed.over(len(state.h)))

    def _chain(self) -> tuple[CfCGates | CfCSolution, tuple[Tensor, Tensor], tuple[Tensor, ...]]:
        """Gates, weight and bias of the product with x, and the matrices of the chain."""
        first, *hidden = (layer for layer in self.backbone if isinstance(layer, nn.Linear))
        from_x, from_h = first.weight.tensor_split([first.in_features - self.output_size], dim=1)
        heads = [self.ff1] if self.mode == "pure" else [self.ff1, self.ff2, self.time_a, self.time_b]
        gates = self._gates([layer.bias for layer in hidden], torch.cat([head.bias for head in heads]))
        weights = from_h, *(layer.weight for layer in hidden), torch.cat([head.weight for head in heads])
        return gates, (from_x, first.bias), weights

    def _gates(self, hidden: list[Tensor], head: Tensor) -> CfCGates | CfCSolution:
        """Of the mode, with the biases of the backbone's layers but the first and of the heads."""
        biases = torch.stack(hidden) if hidden else head.new_empty(0, self.ff1.weight.shape[1])
        if self.mode == "pure":
            return CfCSolution(biases, head, self.w_tau.abs().squeeze(0), self.A.squeeze(0))
        return CfCGates(biases, head, head.new_tensor([self.mode == "default"]))

    def _solution(self, f: Tensor, elapsed: Tensor) -> Tensor:
        return self.A - self.A * (-elapsed * (self.w_tau.abs() + f.abs())).exp() * f

    def _between(self, s: Tensor, first: Tensor, second: Tensor) -> Tensor:
        return first + s * second if self.mode == "no_gate" else (1 - s) * first + s * second
