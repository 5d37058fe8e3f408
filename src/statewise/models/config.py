"""The complete description of a model, as plain data."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

from statewise.errors import UserError, check_choices
from statewise.models.members import is_mixed, path_to
from statewise.used import Needs


@dataclass(frozen=True)
class ModelConfig:
    """Input side, ``depth`` blocks around layers, and a linear head.

    Several layers joined by ``+`` are a pattern, which the blocks take in turn; each has its options under its name:

    >>> hybrid = ModelConfig("lru+lru+attention", depth=6).with_option("attention.positions", "alibi")
    >>> hybrid.options
    {'attention': {'positions': 'alibi'}}
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}
    COUNTS_WITH: ClassVar[Mapping[str, Needs]] = {
        "dropout_mask": Needs("dropout"),
        "spectral_bound": Needs("weight_norm", ("spectral",)),
    }

    layer: str = "lstm"
    """Name in the catalog, the import path ``package.module:Class`` of a layer of your own, or several joined by +"""
    options: dict[str, Any] = field(default_factory=dict)
    """Constructor arguments of the layer, beyond its input size and width; of a pattern, those of each layer by name"""
    width: int = 128
    """Width of the layers and of what flows between them"""
    depth: int = 2
    """How many blocks"""
    block: str = "plain"
    """How a layer becomes a block: a name in ``statewise.models.blocks``, or an import path ``package.module:NAME``"""
    norm: Literal["layer", "rms", "none"] = "layer"
    """Which norm a block has, where it has one; none = it has none all the same"""
    feed_forward: float = 0.0
    """Inner width of a block's feed-forward part, as a multiple of ``width``; 0 = no such part"""
    dropout: float = 0.0
    """Fraction of the values between blocks that training drops, in [0, 1)"""
    dropout_mask: Literal["step", "sequence"] = "step"
    """How long its masks last: a step (Srivastava et al. 2014) or the whole sequence (Gal & Ghahramani 2016, eq. 7)"""
    drop_connect: float = 0.0
    """Fraction of the recurrent weights that training drops, in [0, 1); one mask a sequence (Merity et al. 2018)"""
    weight_norm: Literal["none", "weight", "spectral"] = "none"
    """Norm of the recurrent weights: of each row, with a gain that is learnt, or of the matrix of each gate"""
    spectral_bound: float = 1.0
    """What the spectral norm of these matrices is, where ``weight_norm`` is spectral"""

    def option(self, path: str) -> Any:
        """The value of an option of the layer, or of one inside it: ``inner.window``, ``attention.window``."""
        place, path = path_to(self.layer, path)
        return _get(self.options[place] if place else self.options, path)

    def with_option(self, path: str, value: Any) -> "ModelConfig":
        """With an option of the layer, or of one inside it, set.

        Raises:
            UserError: if no layer is said where the path leads into one.

        >>> ModelConfig("ntm", {"controller": "lstm"}).with_option("controller.forget_bias", 2.0).options
        {'controller': {'layer': 'lstm', 'options': {'forget_bias': 2.0}}}
        """
        place, path = path_to(self.layer, path)
        if not place:
            return replace(self, options=_put(self.options, path, value))
        return replace(self, options={**self.options, place: _put(self.options.get(place, {}), path, value)})

    def said(self) -> list[str]:
        """The path of every option that is said, those of layers inside too.

        >>> ModelConfig("around", {"inner": {"layer": "tcn", "options": {"dropout": 0.1}}}).said()
        ['inner', 'inner.dropout']
        >>> ModelConfig("lstm+tcn", {"tcn": {"dropout": 0.1}}).said()
        ['tcn.dropout']
        """
        if not is_mixed(self.layer):
            return list(_paths(self.options))
        return [f"{place}.{path}" for place, options in self.options.items() for path in _paths(options)]

    def __post_init__(self) -> None:
        check_choices(self)
        if self.width < 1 or self.depth < 1:
            raise UserError(f"width and depth must be at least 1, got width {self.width} and depth {self.depth}")
        for name in ("dropout", "drop_connect"):
            if not 0 <= getattr(self, name) < 1:
                raise UserError(f"{name} must be at least 0 and below 1, got {getattr(self, name)}")
        if self.spectral_bound <= 0:
            raise UserError(f"spectral_bound must be above 0, got {self.spectral_bound}")
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


def _paths(options: Mapping[str, Any]) -> Iterator[str]:
    for name, value in options.items():
        yield name
        if isinstance(value, Mapping) and "layer" in value:
            yield from (f"{name}.{path}" for path in _paths(value.get("options", {})))
