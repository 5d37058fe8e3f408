"""Deep-equilibrium cell: the state is where an inner recurrence comes to rest.

After Bai, Kolter & Koltun 2019, "Deep Equilibrium Models", eq. 3, as a recurrent cell:

    h_t = z,  where z = F(z) = tanh(W x_t + V h_{t-1} + U z + b),  y_t = h_t

is sought by z_{k+1} = F(z_k) from z_0 = 0, for all rows equally often: a row that has come to rest, in that F moves no
unit of it by more than ``tolerance``, stays as it is. Our F, z and U z are the paper's f_theta, z* and its inner
recurrence; the paper goes over depth alone, and its solver is Broyden's.

Whether it rests, U decides. With a ``contraction`` rho, each row of U is scaled down to absolute values that sum up to
at most rho, so F draws any two z together by that factor in the largest unit, and there is one z, of which z_k is at
most rho^k / (1 - rho) away (El Ghaoui et al. 2021, "Implicit Deep Learning", section 2.3). Without one there need not
be any: how far from rest a row was left is recorded as "residual", max |F(h_t) - h_t|, and training and evaluation say
at how many steps that is beyond the tolerance.

The gradient is that of the iterations that were made. It comes near the one that the implicit function theorem gives
for z as the residual vanishes; after few iterations it is cut short, as the unrolled phantom gradient of Geng et al.
2021 is.
"""

from types import MappingProxyType
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from statewise import probe
from statewise.contract import Residual, Segments, SequenceLayer, Vectors, from_weights
from statewise.init.matrices import orthogonal_blocks_
from statewise.modules.linear import Linear
from statewise.ops.transforms import beyond_reverse_mode
from statewise.ops.unroll import unroll


class DeepEquilibriumState(NamedTuple):
    """What a deep-equilibrium cell carries."""

    h: Tensor
    """(B, H)"""


class DeepEquilibrium(SequenceLayer):
    """``h_t = tanh(W x_t + V h_{t-1} + U h_t + b)``, solved by a bounded number of iterations.

    Args:
        input_size: D.
        hidden_size: H, width of state and output.
        iterations: how often F is applied at most, 2 or more; the first time to 0.
        tolerance: a row rests when F moves none of its units by more.
        contraction: rho in (0, 1), what the absolute values in a row of U add up to at most; ``None`` leaves U free.

    Raises:
        ValueError: if an option is out of its range.

    >>> from statewise import probe
    >>> layer = DeepEquilibrium(input_size=3, hidden_size=4)
    >>> with probe.recording(layer) as seen:
    ...     y, state = layer(torch.randn(2, 7, 3))
    >>> y.shape, seen[""]["residual"].shape
    (torch.Size([2, 7, 4]), torch.Size([2, 7]))
    """

    recurrent_weights = MappingProxyType({"recurrent_map.weight": 1})

    def __init__(
        self,
        *,
        input_size: int,
        hidden_size: int,
        iterations: int = 16,
        tolerance: float = 1e-5,
        contraction: float | None = 0.9,
    ) -> None:
        super().__init__(Vectors(input_size), hidden_size)
        if iterations < 2 or tolerance < 0 or not (contraction is None or 0 < contraction < 1):
            raise ValueError(
                "a solver needs iterations >= 2, tolerance >= 0 and a contraction between 0 and 1, got "
                f"{iterations}, {tolerance} and {contraction}"
            )
        self.iterations = iterations
        self.tolerance = tolerance
        self.contraction = contraction
        other = "a smaller contraction" if contraction else "a contraction such as 0.9"
        self.residuals = (Residual("residual", tolerance, f"take more iterations of deep-equilibrium, or {other}"),)
        self.input_map = Linear(input_size, hidden_size)
        self.recurrent_map = nn.Linear(hidden_size, hidden_size, bias=False)
        self.inner = nn.Parameter(orthogonal_blocks_(torch.empty(hidden_size, hidden_size)))
        orthogonal_blocks_(self.recurrent_map.weight)

    def initial_state(self, batch_size: int) -> DeepEquilibriumState:
        return DeepEquilibriumState(self.zeros(batch_size, self.output_size))

    def step(self, x: Tensor, state: DeepEquilibriumState) -> tuple[Tensor, DeepEquilibriumState]:
        driven = self.input_map(x) + self.recurrent_map(state.h)
        weight = self.inner_weight()
        h = driven.tanh()
        for _ in range(self.iterations - 1):
            h = self._unless_at_rest(h, (driven + F.linear(h, weight)).tanh())[0]
        if probe.is_recording():
            probe.record(self, "residual", ((driven + F.linear(h, weight)).tanh() - h).abs().amax(dim=1))
        return h, DeepEquilibriumState(h)

    def _segments(
        self, x: Tensor, state: DeepEquilibriumState, segments: Segments | None
    ) -> tuple[Tensor, DeepEquilibriumState]:
        weight = self.inner_weight().T
        may_look = x.device.type == "cpu" and not torch.compiler.is_compiling() and not beyond_reverse_mode()

        def following(driven: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
            driven = driven + self.recurrent_map(h)
            h = driven.tanh()
            for _ in range(self.iterations - 1):
                h, resting = self._unless_at_rest(h, torch.addmm(driven, h, weight).tanh())
                if may_look and bool(resting.all()):
                    break
            return h, h

        y, h = unroll(following, self.input_map(x), state.h, segments)
        return y, DeepEquilibriumState(h)

    @from_weights
    def inner_weight(self) -> Tensor:
        """U ``(H, H)``, scaled row by row so that F is a contraction, where it is to be one."""
        if self.contraction is None:
            return self.inner
        sums = self.inner.abs().sum(dim=1, keepdim=True)
        return self.inner * (self.contraction / sums.clamp(min=self.contraction))

    def _unless_at_rest(self, h: Tensor, moved: Tensor) -> tuple[Tensor, Tensor]:
        """The rows of ``h`` that rest, of the others F(h); and which rest ``(B, 1)``. NaN does not."""
        resting = (moved - h).abs().amax(dim=1, keepdim=True) <= self.tolerance
        return torch.where(resting, h, moved), resting
