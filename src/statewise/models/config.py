"""The complete description of a model, as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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

    def option(self, path: str) -> Any:
        """The value of an option of the layer, or of one inside it: ``inner.window``."""
        return _get(self.options, path)

    def with_option(self, path: str, value: Any) -> "ModelConfig":
        """With an option of the layer, or of one inside it, set.

        Raises:
            UserError: if no layer is said where the path leads into one.

        >>> ModelConfig("ntm", {"controller": "lstm"}).with_option("controller.forget_bias", 2.0).options
        {'controller': {'layer': 'lstm', 'options': {'forget_bias': 2.0}}}
        """
        return replace(self, options=_put(self.options, path, value))

    def __post_init__(self) -> None:
        check_choices(self)
        if self.width < 1 or self.depth < 1:
            raise UserError(f"width and depth must be at least 1, got width {self.width} and depth {self.depth}")
        if not 0 <= self.dropout < 1:
            raise UserError(f"dropout must be at least 0 and below 1, got {self.dropout}")
        if self.feed_forward < 0:
            raise UserError(f"feed_forward must be 0 or a positive multiple of the width, got {self.feed_forward}")


def _get(options: Mapping[str, Any], path: str) -> Any:
    name, inside, rest = path.partition(".")
    return _get(options[name]["options"], rest) if inside else options[name]


def _put(options: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    name, inside, rest = path.partition(".")
    if inside:
        if name not in options:
            raise UserError(f"which layer is {name}, for its option {rest}? Say it first, as with --set {name}=lstm")
        held = {"layer": options[name]} if isinstance(options[name], str) else options[name]
        value = {**held, "options": _put(held.get("options", {}), rest, value)}
    return {**options, name: value}
