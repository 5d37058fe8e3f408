"""The result of a comparison, typed once; ``plain`` makes it the JSON that folder, report and terminal read.

Scores depend on the config alone; measured times stand apart under ``cost`` and ``training_seconds``.
"""

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from statewise.compare.config import CompareConfig
from statewise.compare.hypotheses import Judged
from statewise.fields import Setup
from statewise.metrics.pairs import PairOutcome

BUSY_MARK = "*"
"""Stands behind times that were measured while the machine was busy"""


@dataclass(frozen=True)
class Primary:
    """The metric that decides, and what it is without skill."""

    name: str
    unit: str
    lower_is_better: bool
    chance: float | None
    chance_label: str
    chance_by_length: dict[int, float | None]


@dataclass(frozen=True)
class TaskFacts:
    """What was to be learnt."""

    name: str
    description: str
    primary: Primary
    train_lengths: tuple[int, int] | None
    bimodal: bool
    solved_at: float | None
    notes: list[str]
    """What was guessed about the data, what splits share"""
    verb: str
    """What a finished run of it is for: evaluate, generate or forecast"""


@dataclass(frozen=True)
class Budget:
    """What was made equal between the arms, and its size."""

    match: str
    value: int


@dataclass(frozen=True)
class Recommendation:
    """The verdict in words, and what it rests on."""

    verdict: Literal["winner", "tie", "undecided"]
    arms: list[str]
    headline: str
    rests_on: list[str]
    beaten: bool = False
    """Whether a baseline or companion scored better than every arm"""
    provisional: bool = False
    """Whether it rests on fewer seeds than a firm one takes"""


@dataclass(frozen=True)
class Parameters:
    """Counts, kept apart because they buy different things."""

    body: int
    fixed: int
    embedding: int
    readout: int


@dataclass(frozen=True)
class Cost:
    """What a model costs: counted first, measured on one machine after; None = not measured."""

    parameters: Parameters
    flops_per_token: int
    state_bytes: int
    step_latency_us: float | None = None
    tokens_per_second: float | None = None
    peak_memory_mb: float | None = None
    waited: float | None = None
    """The share of the time measured in which the process had no processor"""
    busy: bool = False
    """Whether that is so much that the two times are too bad to be compared"""


@dataclass(frozen=True)
class Trial:
    """One training during tuning."""

    trial: int
    settings: dict[str, Any]
    status: str
    valid: float | None = None
    reason: str | None = None
    training_seconds: float | None = None
    """See ``Spent``"""


@dataclass(frozen=True)
class Seed:
    """One training with the chosen settings from a fresh seed, scored on test."""

    seed: int
    status: str
    valid: float | None = None
    test: float | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    reason: str | None = None
    training_seconds: float | None = None
    """See ``Spent``"""
    curve: list[dict[str, float | None]] = field(default_factory=list)
    """Of each evaluation: step, tokens, train_loss, valid"""
    by_length: dict[str, float] = field(default_factory=dict)
    solved_step: int | None = None


@dataclass(frozen=True)
class Score:
    """Mean test score over ``n`` seeds with its interval, of the named kind."""

    mean: float
    low: float | None
    high: float | None
    n: int
    kind: str
    test_error: float | None
    """Standard error that the choice of test examples alone gives the mean"""


@dataclass(frozen=True)
class Solved:
    """Fraction of the seeds that solved the task with its interval, and the median number of updates it took."""

    fraction: float
    low: float
    high: float
    median_steps: float | None
    kind: str


@dataclass(frozen=True)
class Reach:
    """How far beyond the lengths of the training an accuracy holds."""

    longest: int | None
    """The longest length scored up to which the mean over the seeds is at least 0.9 throughout; None = not even one"""
    beyond: float | None
    """Mean accuracy over the lengths beyond the training's, on a logarithmic axis, by the trapezoid rule"""


@dataclass(frozen=True)
class Spent:
    """What tuning and seeds took together."""

    trials: int
    failed: int
    """Of the tuning trials and seeds"""
    training_seconds: float
    """Time to train: of every training its updates times the usual (median) time of one, so without evaluation and
    what a first call compiles; see ``train.clock``"""
    flops: float
    """Of training, forward and backward; a readout in closed form needs no backward pass"""


@dataclass(frozen=True)
class ExpectedBest:
    """The best validation score to be expected of so many trials."""

    trials: int
    value: float


@dataclass(frozen=True)
class ArmResult:
    """One side of the comparison: a complete config and all that came of it; None where an arm has no score."""

    label: str
    model: str
    family: str
    paper: str
    companion: bool
    status: Literal["ok", "unreachable", "failed"]
    reason: str | None
    config: Setup
    cost: Cost
    tuning: list[Trial]
    seeds: list[Seed]
    score: Score | None
    solved: Solved | None
    reach: Reach | None
    spent: Spent
    expected_best: list[ExpectedBest]


@dataclass(frozen=True)
class Baseline:
    """A simple rule that needs no training."""

    name: str
    description: str
    score: float
    metrics: dict[str, float]


@dataclass(frozen=True)
class SeriesScores:
    """Primary test scores on one of the task's several series."""

    name: str
    arms: dict[str, float]
    """Arm -> the median over its finished seeds"""
    baselines: dict[str, float]


@dataclass(frozen=True)
class Pair:
    """Two arms against each other; ``difference`` is a - b, None where no run finished."""

    a: str
    b: str
    difference: float | None
    low: float | None
    high: float | None
    probability_of_improvement: float | None
    n: int
    kind: str
    verdict: PairOutcome
    caveat: str
    """Why the verdict is more careful than the interval, or empty"""


@dataclass(frozen=True)
class Example:
    """What one arm answered to one prompt."""

    arm: str
    prompt: str
    target: str
    prediction: str


@dataclass(frozen=True)
class Result:
    """A whole comparison."""

    schema: int
    title: str
    created: str
    command: str
    package_version: str
    task: TaskFacts
    config: CompareConfig
    environment: dict[str, str]
    budget: Budget
    recommendation: Recommendation
    arms: list[ArmResult]
    baselines: list[Baseline]
    series: list[SeriesScores]
    """None of them where the task's data are one series"""
    pairs: list[Pair]
    examples: list[Example]
    hypotheses: list[Judged]

    def plain(self) -> dict[str, Any]:
        """As ``result.json`` holds it: nothing but dicts, lists, strings, numbers and None."""
        return json.loads(json.dumps(asdict(self)))
