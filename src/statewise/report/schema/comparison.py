"""A comparison, as ``render_comparison`` takes it."""

from typing import Any, Literal

from pydantic import BaseModel, Field, field_validator

from statewise.report.schema.reading import Scalar


class Primary(BaseModel):
    """The metric that decides, and the score that needs no skill."""

    name: str
    unit: str = ""
    lower_is_better: bool
    chance: float | None = None
    chance_label: str = "chance"
    chance_by_length: dict[int, float | None] = {}


class Task(BaseModel):
    """What was to be learnt."""

    name: str
    description: str = ""
    primary: Primary
    train_lengths: tuple[int, int] | None = None
    bimodal: bool = False
    solved_at: float | None = None
    notes: list[str] = []
    verb: str = "evaluate"


class Budget(BaseModel):
    """What was made equal between the arms, and its size."""

    match: str
    value: float


class Recommendation(BaseModel):
    """The verdict and the facts it rests on."""

    verdict: Literal["winner", "tie", "undecided"]
    arms: list[str] = []
    headline: str
    rests_on: list[str] = []
    beaten: bool = False
    provisional: bool = False


class Parameters(BaseModel):
    """Counts, kept apart because they buy different things."""

    body: int | None = None
    fixed: int | None = None
    embedding: int | None = None
    readout: int | None = None


class Cost(BaseModel):
    """What a model costs: counted first, measured on one machine after."""

    parameters: Parameters = Parameters()
    flops_per_token: float | None = None
    state_bytes: int | None = None
    step_latency_us: float | None = None
    tokens_per_second: float | None = None
    peak_memory_mb: float | None = None
    waited: float | None = None
    """The share of the time measured in which the process had no processor"""
    busy: bool = False


class Trial(BaseModel):
    """One training during tuning."""

    trial: int
    settings: dict[str, Any] = {}
    valid: float | None = None
    status: str = "ok"
    reason: str | None = None
    training_seconds: float | None = None


class CurvePoint(BaseModel):
    """One line of a training's history."""

    step: int
    tokens: int | None = None
    train_loss: float | None = None
    valid: float | None = None


class Seed(BaseModel):
    """One training with the chosen settings from a fresh seed."""

    seed: int
    valid: float | None = None
    test: float | None = None
    metrics: dict[str, float | None] = {}
    status: str = "ok"
    reason: str | None = None
    training_seconds: float | None = None
    curve: list[CurvePoint] = []
    by_length: dict[int, float | None] = {}
    solved_step: int | None = None


class Score(BaseModel):
    """Mean over ``n`` seeds with an interval of the named kind."""

    mean: float
    low: float | None = None
    high: float | None = None
    n: int
    kind: str = ""
    test_error: float | None = None


class Solved(BaseModel):
    """The fraction of the seeds that solved the task, with an interval."""

    fraction: float
    low: float | None = None
    high: float | None = None
    median_steps: float | None = None
    kind: str = ""


class Reach(BaseModel):
    """The longest length at which an accuracy holds, and its mean beyond the lengths trained on."""

    longest: int | None = None
    beyond: float | None = None


class Spent(BaseModel):
    """What tuning and seeds took together."""

    trials: int = 0
    failed: int = 0
    training_seconds: float | None = None
    flops: float | None = None


class ExpectedBest(BaseModel):
    """The best validation score to be expected of so many trials."""

    trials: int
    value: float | None


class Arm(BaseModel):
    """One side of the comparison: a complete configuration and all that came of it."""

    label: str
    model: str = ""
    family: str = ""
    paper: str = ""
    companion: bool = False
    status: str = "ok"
    reason: str | None = None
    config: dict[str, Any] = {}
    cost: Cost = Cost()
    tuning: list[Trial] = []
    seeds: list[Seed] = []
    score: Score | None = None
    solved: Solved | None = None
    reach: Reach | None = None
    spent: Spent = Spent()
    expected_best: list[ExpectedBest] = []

    @field_validator("cost", mode="before")
    @classmethod
    def _nothing_counted(cls, value: Any) -> Any:
        return Cost() if value is None else value


class Baseline(BaseModel):
    """A simple rule that needs no training."""

    name: str
    description: str = ""
    score: float | None = None
    metrics: dict[str, float | None] = {}


class SeriesScores(BaseModel):
    """Scores on one of several series."""

    name: str
    arms: dict[str, float] = {}
    baselines: dict[str, float] = {}


class Pair(BaseModel):
    """Two arms against each other; ``difference`` is a minus b."""

    a: str
    b: str
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    probability_of_improvement: float | None = None
    n: int | None = None
    verdict: Literal["a", "b", "tie", "undecided"] = "undecided"
    kind: str = ""
    caveat: str = ""


class Example(BaseModel):
    """What one arm answered to one prompt."""

    arm: str
    prompt: str = ""
    target: str = ""
    prediction: str = ""


class Hypothesis(BaseModel):
    """A statement about the experiment, when it was made, and what came of it."""

    statement: str
    verdict: Literal["supported", "refuted", "undecided"]
    evidence: str = ""
    said: Literal["before", "after"] = "before"


class Comparison(BaseModel):
    """A whole comparison, as ``render_comparison`` takes it."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    title: str
    created: str = ""
    command: str = ""
    package_version: str = ""
    task: Task
    config: dict[str, Any] = {}
    environment: dict[str, Scalar] = {}
    budget: Budget | None = None
    recommendation: Recommendation
    arms: list[Arm] = []
    baselines: list[Baseline] = []
    series: list[SeriesScores] = []
    pairs: list[Pair] = []
    examples: list[Example] = []
    hypotheses: list[Hypothesis] = []
