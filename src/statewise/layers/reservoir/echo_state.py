"""Leaky echo state network.

Jaeger 2001, "The echo state approach ..."; leaky form of Jaeger, Lukosevicius, Popovici & Siewert 2007, eq. 2:

    h_t = (1 - lr) h_{t-1} + lr f(W_in x_t + W h_{t-1} + b),  y_t = h_t

W_in, W and b are fixed: buffers, not parameters. Argument names are ReservoirPy's: ``units`` is our H, ``lr`` the leak
rate (alpha or a in papers), ``sr`` the spectral radius of W.
"""

from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from statewise import tree
from statewise.contract import SequenceLayer, Vectors
from statewise.init.matrices import Distribution, Topology, input_matrix, reservoir_matrix


class EchoState(NamedTuple):
    """What a reservoir carries."""

    h: Tensor
    """(B, units)"""


class EchoStateNetwork(SequenceLayer):
    """h_t = (1 - lr) h_{t-1} + lr f(W_in x_t + W h_{t-1} + b) with fixed random weights.

    Args:
        input_size: D.
        units: width of the reservoir and of the output.
        sr: spectral radius of W; below 1 the reservoir usually forgets its past.
        lr: leak rate in (0, 1]; small values make slow units.
        input_scaling: size of the entries of W_in.
        bias_scaling: size of the entries of b.
        rc_connectivity: fraction of the entries of W that are not zero, in (0, 1].
        input_connectivity: fraction of the units that each input feeds, in (0, 1]; at least one unit.
        input_distribution: entries of W_in are ``uniform`` in +-input_scaling or, ``bernoulli``, one of the two.
        activation: f, ``tanh`` or ``identity``.
        topology: of W: ``random``, ``orthogonal`` or ``ring``.
        seed: of the fixed weights.

    Raises:
        ValueError: if a rate or connectivity is outside its range.

    >>> y, state = EchoStateNetwork(input_size=3, units=50)(torch.randn(2, 7, 3))
    >>> y.shape, sum(p.numel() for p in EchoStateNetwork(input_size=3, units=50).parameters())
    (torch.Size([2, 7, 50]), 0)
    """

    input_weights: Tensor
    weights: Tensor
    bias: Tensor

    def __init__(
        self,
        *,
        input_size: int,
        units: int,
        sr: float = 0.9,
        lr: float = 1.0,
        input_scaling: float = 1.0,
        bias_scaling: float = 0.0,
        rc_connectivity: float = 0.1,
        input_connectivity: float = 1.0,
        input_distribution: Distribution = "uniform",
        activation: Literal["tanh", "identity"] = "tanh",
        topology: Topology = "random",
        seed: int = 0,
    ) -> None:
        super().__init__(Vectors(input_size), units)
        for name, value in (
            ("lr", lr),
            ("rc_connectivity", rc_connectivity),
            ("input_connectivity", input_connectivity),
        ):
            if not 0 < value <= 1:
                raise ValueError(f"{name} must be above 0 and at most 1, got {value}")
        if activation not in ("tanh", "identity"):
            raise ValueError(f"activation must be tanh or identity, got {activation!r}")
        self.lr = lr
        self.activation = activation
        generator = torch.Generator().manual_seed(seed)
        matrix = reservoir_matrix(
            units, spectral_radius=sr, connectivity=rc_connectivity, topology=topology, generator=generator
        )
        entries = input_matrix(
            units, input_size, connectivity=input_connectivity, distribution=input_distribution, generator=generator
        )
        bias = bias_scaling * (2 * torch.rand(units, generator=generator) - 1)
        dtype = torch.get_default_dtype()
        self.register_buffer("input_weights", (input_scaling * entries).to(dtype))
        self.register_buffer("weights", matrix.to(dtype))
        self.register_buffer("bias", bias.to(dtype))

    def initial_state(self, batch_size: int) -> EchoState:
        return EchoState(self.zeros(batch_size, self.output_size))

    def step(self, x: Tensor, state: EchoState) -> tuple[Tensor, EchoState]:
        h = self._step(F.linear(x, self.input_weights, self.bias), state.h)
        return h, tree.cast_like(EchoState(h), state)

    def _sequence(self, x: Tensor, state: EchoState) -> tuple[Tensor, EchoState]:
        h, outputs = state.h, []
        for projected in F.linear(x, self.input_weights, self.bias).unbind(1):
            h = self._step(projected, h)
            outputs.append(h)
        return torch.stack(outputs, dim=1), tree.cast_like(EchoState(h), state)

    def _step(self, projected: Tensor, h: Tensor) -> Tensor:
        total = projected + F.linear(h, self.weights)
        driven = total.tanh() if self.activation == "tanh" else total
        return driven if self.lr == 1 else (1 - self.lr) * h + self.lr * driven
