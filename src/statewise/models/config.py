"""The complete description of a model, as plain data."""

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from statewise.errors import UserError, check_choices


@dataclass(frozen=True)
class ModelConfig:
    """Input side, ``depth`` blocks around one kind of layer, and a linear head.

    A ``plain`` block is the layer itself. A ``residual`` block is x + layer(norm(x)), followed by
    x + feed_forward(norm(x)) where ``feed_forward`` is not 0, and a last norm closes the stack.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    layer: str = "lstm"
    """Name in the catalog, or the import path ``package.module:Class`` of a layer of your own"""
    options: dict[str, Any] = field(default_factory=dict)
    """Constructor arguments of the layer, beyond its input size and width"""
    width: int = 128
    """Width of the layers and of what flows between them"""
    depth: int = 2
    """How many blocks"""
    block: Literal["plain", "residual"] = "plain"
    norm: Literal["layer", "rms"] = "layer"
    """Which norm a residual block has"""
    feed_forward: float = 0.0
    """Inner width of a residual block's feed-forward part, as a multiple of ``width``; 0 = no such part"""
    dropout: float = 0.0
    """Fraction of the values between blocks that training drops, in [0, 1)"""

    def __post_init__(self) -> None:
        check_choices(self)
        if self.width < 1 or self.depth < 1:
            raise UserError(f"width and depth must be at least 1, got width {self.width} and depth {self.depth}")
        if not 0 <= self.dropout < 1:
            raise UserError(f"dropout must be at least 0 and below 1, got {self.dropout}")
        if self.feed_forward < 0:
            raise UserError(f"feed_forward must be 0 or a positive multiple of the width, got {self.feed_forward}")
