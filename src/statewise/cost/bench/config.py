"""What is timed, as plain data."""

from dataclasses import dataclass
from typing import Literal, get_args

from statewise.errors import UserError, choose

Gear = Literal["forward", "training", "step"]
KIND = "bench"
"""What a result says it is"""
GEARS: tuple[Gear, ...] = get_args(Gear)


@dataclass(frozen=True)
class BenchConfig:
    """Layers of one width, and the work at which they are timed.

    Raises:
        UserError: if a number is below 1, a model or gear is said twice or there is none, or there is no such gear.
    """

    models: tuple[str, ...] = (
        "rnn",
        "lstm",
        "gru",
        "lstm-layer-norm",
        "sru",
        "min-gru",
        "lru",
        "s4d",
        "mamba",
        "mamba-2",
        "attention",
        "tcn",
        "echo-state",
    )
    """Names in the catalog, import paths, or several of these joined by +, which are stacked"""
    batch: int = 8
    """B, rows of a sequence's batch"""
    length: int = 256
    """T, steps of a sequence; windows are as long"""
    width: int = 128
    """Width of input and output"""
    gears: tuple[Gear, ...] = GEARS
    """``forward`` of whole sequences, ``training`` (forward and backward, into the input too), single ``step``s"""
    streams: int = 1
    """Rows that a single step steps"""
    rounds: int = 15
    """Measurements of each; medians are over these"""
    device: str = "cpu"
    """cpu or cuda"""

    def __post_init__(self) -> None:
        for name in ("batch", "length", "width", "streams", "rounds"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} must be at least 1, got {getattr(self, name)}")
        for gear in self.gears:
            choose("gear", gear, GEARS)
        for what, said in (("model", self.models), ("gear", self.gears)):
            if not said:
                raise UserError(f"there is no {what} to time; name one")
            if len(set(said)) < len(said):
                raise UserError(f"a {what} is named twice in {', '.join(said)}; name each once")
