"""How an attention layer learns where things stand: one small object a kind, given to the layer."""

from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import Tensor, nn

from statewise.ops.rotary import rotate, sinusoidal

PositionKind = Literal["none", "sinusoidal", "learned", "rotary"]


class Positions(nn.Module, ABC):
    """Two places at which positions may enter; each kind uses one of them."""

    @abstractmethod
    def enter_input(self, x: Tensor, positions: Tensor) -> Tensor:
        """Mark the layer's input ``(B, T, D)``, which stands at ``positions (B, T)``."""

    @abstractmethod
    def enter_heads(self, x: Tensor, positions: Tensor) -> Tensor:
        """Mark queries or keys ``(B, T, N, d)``, before keys are stored."""


class NoPositions(Positions):
    """No marks: the causal window alone tells what came when (Haviv et al. 2022)."""

    def enter_input(self, x: Tensor, positions: Tensor) -> Tensor:
        return x

    def enter_heads(self, x: Tensor, positions: Tensor) -> Tensor:
        return x


class Sinusoidal(NoPositions):
    """Waves added to the input (Vaswani et al. 2017, section 3.5); defined at every position."""

    def enter_input(self, x: Tensor, positions: Tensor) -> Tensor:
        return x + sinusoidal(positions, x.shape[-1], x.dtype)


class Learned(NoPositions):
    """A trained vector a position, added to the input (Gehring et al. 2017).

    There are as many as the window is long; beyond them they come again from the first, so that a stream may go on.
    """

    def __init__(self, width: int, length: int) -> None:
        super().__init__()
        self.table = nn.Parameter(0.02 * torch.randn(length, width))

    def enter_input(self, x: Tensor, positions: Tensor) -> Tensor:
        return x + self.table[positions % self.table.shape[0]].to(x.dtype)


class Rotary(NoPositions):
    """Queries and keys turned by an angle that grows with the position (Su et al. 2021, eq. 34): distances count."""

    def enter_heads(self, x: Tensor, positions: Tensor) -> Tensor:
        return rotate(x, positions)


def make_positions(kind: PositionKind, *, width: int, length: int) -> Positions:
    """The object of a kind.

    Raises:
        ValueError: if the kind is unknown.
    """
    if kind == "learned":
        return Learned(width, length)
    kinds: dict[str, type[Positions]] = {"none": NoPositions, "sinusoidal": Sinusoidal, "rotary": Rotary}
    if kind not in kinds:
        raise ValueError(f"positions must be none, sinusoidal, learned or rotary, got {kind!r}")
    return kinds[kind]()
