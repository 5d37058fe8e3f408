"""How an attention layer learns where things stand: one small object a kind, given to the layer."""

from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from statewise.errors import choose
from statewise.ops.rotary import rotate, sinusoidal

PositionKind = Literal["none", "sinusoidal", "learned", "rotary", "alibi"]


class Positions(nn.Module):
    """The places at which positions may enter. Here they enter nowhere; a kind overrides what it needs.

    ``positions`` are steps since a row began: ``(B, T)``, or ``(1, T)`` where all rows stand at one step.
    """

    def enter_input(self, x: Tensor, positions: Tensor) -> Tensor:
        """Mark the layer's input ``(B, T, D)``."""
        return x

    def enter_heads(self, x: Tensor, positions: Tensor) -> Tensor:
        """Mark queries and keys ``(B, T, any number of heads, d)``, before keys are stored."""
        return x

    def bias(self, context: int, like: Tensor) -> Tensor | None:
        """What is added to the score of a key 0, 1, ... C - 1 steps back, ``(N, C)`` like the scores; ``None`` = 0."""
        return None


class NoPositions(Positions):
    """No marks: the causal window alone tells what came when (Haviv et al. 2022)."""


class Sinusoidal(Positions):
    """Waves added to the input (Vaswani et al. 2017, section 3.5); defined at every position."""

    def enter_input(self, x: Tensor, positions: Tensor) -> Tensor:
        return x + sinusoidal(positions, x.shape[-1], x.dtype)


class Learned(Positions):
    """A trained vector a position, added to the input (Gehring et al. 2017, section 3.1).

    There are as many as the window is long; beyond them they come again from the first. So a stream may go on for ever,
    and no two steps of one window share a vector.
    """

    def __init__(self, width: int, length: int) -> None:
        super().__init__()
        self.table = nn.Parameter(0.02 * torch.randn(length, width))

    def enter_input(self, x: Tensor, positions: Tensor) -> Tensor:
        return x + F.embedding(positions % self.table.shape[0], self.table).to(x.dtype)


class Rotary(Positions):
    """Queries and keys turned by an angle that grows with the position (Su et al. 2021, eq. 34): distances count."""

    def enter_heads(self, x: Tensor, positions: Tensor) -> Tensor:
        return rotate(x, positions)


class Alibi(Positions):
    """Scores lowered in proportion to the distance, head i of N by 2^(-8 i / N) a step (Press, Smith & Lewis 2022).

    That is the paper's rule for any N. Where N is no power of 2 the authors' code, and BLOOM after it, takes the slopes
    of the largest power of 2 below N, then every other one of the power above.
    """

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.heads = heads

    def bias(self, context: int, like: Tensor) -> Tensor:
        head = torch.arange(1, self.heads + 1, dtype=like.dtype, device=like.device)
        back = torch.arange(context, dtype=like.dtype, device=like.device)
        return -torch.outer(2 ** (-8 * head / self.heads), back)


def make_positions(kind: PositionKind, *, width: int, length: int, heads: int) -> Positions:
    """The object of a kind, for an input of ``width``, a window of ``length`` steps and so many heads.

    Raises:
        ValueError: if the kind is unknown.
    """
    if choose("positions", kind, get_args(PositionKind)) == "learned":
        return Learned(width, length)
    if kind == "alibi":
        return Alibi(heads)
    kinds: dict[str, type[Positions]] = {"none": NoPositions, "sinusoidal": Sinusoidal, "rotary": Rotary}
    return kinds[kind]()
