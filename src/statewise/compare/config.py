"""What a comparison is, as plain data."""

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from statewise.errors import UserError
from statewise.models.config import ModelConfig
from statewise.train.config import TrainConfig

Match = Literal["parameters", "flops", "state"]
"""What all arms are made equal in"""
SCHEMA = 1
"""Version of the trials' results; part of every trial's address"""


@dataclass(frozen=True)
class CompareConfig:
    """A whole comparison. The same config gives the same scores."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    task: str = "recall"
    """A task's name, the path of a text or CSV file, ``embedded``, or the import path of a task of your own"""
    task_options: dict[str, Any] = field(default_factory=dict)
    models: tuple[str, ...] = ("lstm", "gru", "min-gru", "mamba", "attention", "tcn")
    """Names in the catalog or import paths of layers of your own"""
    vary: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    """Any field of training, model, layer or task -> its values; every combination is an arm"""
    fixed: dict[str, Any] = field(default_factory=dict)
    """Any field of training, model, layer or task -> its one value in all arms"""
    budget: int = 50_000
    """What every arm may spend of what is matched"""
    match: Match = "parameters"
    """parameters between input side and readout; floating-point operations a token; or bytes of state"""
    depth: int = ModelConfig.depth
    """Blocks of every model; dilated convolutions take as many as they need to see the context"""
    seeds: int = 3
    """Fresh seeds on which each arm's chosen setting is trained anew"""
    trials: int = 4
    """Tuning trials an arm, the same number for each; 1 = as configured, nothing is tuned"""
    learning_rates: tuple[float, float] = (1e-4, 3e-2)
    """The range in which learning rates are tuned, the same for every arm; where one's best is at an end of it, every
    arm gets two further trials, which this one spends beyond that end"""
    lengths: tuple[int, ...] = ()
    """Lengths at which the finished models are scored; empty = up to 4 times the longest trained on"""
    train: TrainConfig = field(default_factory=TrainConfig)
    workers: int = 2
    """Processes, one thread each"""
    margin: float | None = None
    """The smallest difference that counts, in units of the primary score, or, where a task is solved or not, of the
    fraction of seeds that solve it; None = the task's own. It is fixed before anything is run"""
    hypotheses: tuple[str, ...] = ()
    """What is expected beforehand, such as ``lstm > gru`` (scores better) or ``lstm = gru`` (equally well), of arms by
    their labels"""
    companions: bool = True
    """Whether a simple trained model runs along where the task has one; it is an arm that cannot win"""
    measure: bool = True
    """Whether time and memory are measured, one arm at a time, after the trials"""

    def __post_init__(self) -> None:
        if self.seeds < 1:
            raise UserError(f"a comparison needs at least 1 seed, got {self.seeds}; 5 or more give a firm verdict")
        if self.trials < 1:
            raise UserError(f"each arm needs at least 1 tuning trial, got {self.trials}")
        if isinstance(self.models, str):
            raise UserError(f"models are names in a row, got {self.models!r}; say models=({self.models!r},)")
        if not self.models:
            raise UserError("name at least one model: --models lstm,gru")
        for name, values in {"models": self.models, **self.vary}.items():
            twice = [value for number, value in enumerate(values) if value in values[:number]]
            if twice or not values:
                raise UserError(f"{name} {f'names {twice[0]} twice' if twice else 'has no values'}; name each one once")
        if both := set(self.vary) & set(self.fixed):
            raise UserError(f"{', '.join(sorted(both))} cannot both vary and be set; leave one out")
        for name in ("budget", "workers", "depth", *(("lengths",) if self.lengths else ())):
            least = min(self.lengths) if name == "lengths" else getattr(self, name)
            if least < 1:
                raise UserError(f"{name} must be at least 1, got {least}")
        if self.margin is not None and not 0 <= self.margin < float("inf"):
            raise UserError(f"margin must be 0 or a positive number, got {self.margin}")
        low, high = self.learning_rates
        if not 0 < low < high < float("inf"):
            raise UserError(f"learning rates must be two, the smaller first and above 0, got {low:g} and {high:g}")
