"""The page of a study."""

from typing import Any

from pydantic import BaseModel, Field

from statewise.report import facts
from statewise.report.formats import Column
from statewise.report.page import render
from statewise.report.schema.comparison import Arm, Hypothesis, Recommendation, Task
from statewise.report.schema.reading import Scalar, read
from statewise.report.tidy import tidy


class Statement(Hypothesis):
    """A statement over several comparisons."""

    comparisons: list[str] = Field(default_factory=list)


class TrainedArm(Arm):
    """An arm with the number of its trainings, tuning and seeds together."""

    trainings: int = 0


class Part(BaseModel):
    """One comparison; its own page lies in the folder of its name."""

    name: str
    asks: str
    task: Task
    recommendation: Recommendation
    hypotheses: list[Hypothesis] = []
    arms: list[TrainedArm] = []


class Missing(BaseModel):
    """A comparison that is not finished."""

    name: str
    asks: str


class Study(BaseModel):
    """A whole study, as ``render_study`` takes it."""

    title: str
    created: str = ""
    command: str = ""
    package_version: str = ""
    environment: dict[str, Scalar] = {}
    question: str
    statements: list[Statement] = []
    comparisons: list[Part] = Field(min_length=1)
    missing: list[Missing] = []
    unjudged: list[str] = []


def render_study(result: dict[str, Any]) -> str:
    """One self-contained HTML page from the result of a study: its statements, every hypothesis, every comparison.

    Raises:
        ValueError: if ``result`` is not a study's; the sentence names the field.

    >>> primary = {"name": "accuracy", "lower_is_better": False}
    >>> decision = {"verdict": "undecided", "headline": "No arm finished a run."}
    >>> part = {"name": "short", "asks": "Near?", "task": {"name": "t", "primary": primary}, "recommendation": decision}
    >>> 'href="short/report.html"' in render_study({"title": "x", "question": "Why?", "comparisons": [part]})
    True
    """
    clean = tidy(result)
    data = read(Study, clean)
    values = {"data": data, "raw": clean, "tables": [_table(part) for part in data.comparisons]}
    return render("study.html.jinja", values)


def _table(part: Part) -> dict[str, Any]:
    arms = facts.ranked(part.arms, part.task.primary)
    return {"part": part, "arms": arms, "score": Column([arm.score.mean for arm in arms if arm.score])}
