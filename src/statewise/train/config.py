"""How a model is trained, as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from statewise.errors import UserError, check_choices
from statewise.used import Needs

AT_LEAST_ONE = ("batch_size", "accumulate", "evaluate_every", "checkpoint_every", "decay_every", "curriculum_from")
NOT_NEGATIVE = (
    "steps", "warmup", "patience", "plateau_patience", "checkpoint_time", "washout", "weight_decay", "ridge",
    "l1", "l2",
)  # fmt: skip
DESCENT = Needs("readout", ("gradient",))
SOLVED = Needs("readout", ("ridge",))
OF_DESCENT = (
    "accumulate", "learning_rate", "optimizer", "weight_decay", "l1", "l2", "schedule", "warmup", "clip", "patience",
    "precision", "checkpoint_time", "pretraining",
)  # fmt: skip


@dataclass(frozen=True)
class TrainConfig:
    """Everything that governs a training run beside the model and the task."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}
    COUNTS_WITH: ClassVar[Mapping[str, Needs]] = {
        **dict.fromkeys(OF_DESCENT, DESCENT),
        "momentum": Needs("optimizer", ("sgd", "rmsprop")),
        "betas": Needs("optimizer", ("adamw",)),
        "decay_to": Needs("schedule", ("cosine",)),
        "decay_every": Needs("schedule", ("step",)),
        "decay_factor": Needs("schedule", ("step", "plateau")),
        "plateau_patience": Needs("schedule", ("plateau",)),
        "clip_at": Needs("clip", ("norm", "value")),
        "ridge": SOLVED,
        "washout": SOLVED,
        "curriculum_from": Needs("curriculum", ("linear", "pow2")),
        "curriculum_share": Needs("curriculum", ("linear", "pow2")),
        "pretraining_share": Needs("pretraining", ("greedy", "greedy-frozen")),
    }

    steps: int = 1000
    """Parameter updates"""
    batch_size: int = 32
    """Rows of one forward pass"""
    accumulate: int = 1
    """Forward passes a parameter update; the loss is divided by the positions of all of them"""
    learning_rate: float = 3e-3
    optimizer: Literal["adamw", "sgd", "rmsprop"] = "adamw"
    momentum: float = 0.9
    """Of sgd (Nesterov) and rmsprop"""
    betas: tuple[float, float] = (0.9, 0.999)
    """Of adamw; the second is Kingma & Ba's, as with 0.99 training stalls on tasks that are learnt late and at once"""
    weight_decay: float = 0.0
    """Never applied to biases, norms and one-dimensional parameters"""
    l1: float = 0.0
    """Of sum |w| over what weight decay applies to, added to the loss; with l2 an elastic net"""
    l2: float = 0.0
    """Of sum w^2 / 2, likewise: part of the gradient, where weight decay shrinks the weights beside it"""
    schedule: Literal["constant", "cosine", "step", "plateau"] = "cosine"
    warmup: int = 50
    """Updates over which the learning rate rises linearly, whatever the schedule"""
    decay_to: float = 0.1
    """What the cosine ends at, as a fraction of the learning rate"""
    decay_every: int = 500
    """Updates between two drops of the step schedule"""
    decay_factor: float = 0.5
    """By what the step and plateau schedules multiply"""
    plateau_patience: int = 3
    """Evaluations in a row without improvement that the plateau schedule bears; the next one makes it drop"""
    clip: Literal["norm", "value", "none"] = "norm"
    clip_at: float = 1.0
    """The largest global gradient norm, or the largest gradient element"""
    evaluate_every: int = 100
    """Updates between two evaluations on the validation split"""
    patience: int = 0
    """Evaluations without improvement before training stops; 0 = never. The best checkpoint is kept in any case"""
    checkpoint_every: int = 100
    """Updates between two checkpoints"""
    precision: Literal["float32", "bfloat16"] = "float32"
    """bfloat16 = autocast, on a device that has it; parameters, states and losses stay float32"""
    checkpoint_time: int = 0
    """Activation checkpointing: recompute chunks of this many time steps in the backward pass; 0 = off"""
    readout: Literal["gradient", "ridge"] = "gradient"
    """ridge = the head is solved in closed form from streamed statistics, everything else stays as initialised; what
    is of descent alone is refused then"""
    ridge: float = 1e-6
    """Penalty of the closed-form readout"""
    washout: int = 0
    """Time steps at the start of every sequence that the closed-form readout does not fit"""
    curriculum: Literal["none", "linear", "pow2"] = "none"
    """How the longest training length (of streams, how far back gradients reach) grows to the task's own"""
    curriculum_from: int = 1
    """The longest length that a curriculum begins with; never below the least that the task can make"""
    curriculum_share: float = 0.5
    """Share of the updates over which lengths grow"""
    pretraining: Literal["none", "greedy", "greedy-frozen"] = "none"
    """greedy = blocks are added one by one and trained, frozen = the lower ones as they are, before all are together"""
    pretraining_share: float = 0.5
    """Share of the updates that pretraining takes, as much for every block"""
    device: str = "cpu"
    seed: int = 0
    """Initial weights, order and noise of training"""

    def __post_init__(self) -> None:
        check_choices(self)
        for name in AT_LEAST_ONE:
            if getattr(self, name) < 1:
                raise UserError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in NOT_NEGATIVE:
            if not getattr(self, name) >= 0:
                raise UserError(f"{name} must not be negative, got {getattr(self, name)}")
        for name, value in (("momentum", self.momentum), ("betas", min(self.betas)), ("betas", max(self.betas))):
            if not 0 <= value < 1:
                raise UserError(f"{name} must be at least 0 and below 1, got {value}")
        for name in ("decay_to", "decay_factor"):
            if not 0 <= getattr(self, name) <= 1:
                raise UserError(f"{name} must lie between 0 and 1, got {getattr(self, name)}")
        if not 0 < self.curriculum_share <= 1:
            raise UserError(f"curriculum_share must be above 0 and at most 1, got {self.curriculum_share}")
        if not 0 < self.pretraining_share < 1:
            raise UserError(
                "pretraining_share must be above 0 and below 1, as all blocks are trained together at the end, got "
                f"{self.pretraining_share}"
            )
        if not 0 < self.learning_rate < float("inf"):
            raise UserError(f"learning_rate must be positive, got {self.learning_rate}")
        if self.clip != "none" and not self.clip_at > 0:
            raise UserError(f"clip_at must be positive, got {self.clip_at}; to turn clipping off say clip=none")
