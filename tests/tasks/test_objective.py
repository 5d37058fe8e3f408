"""When a run counts as having solved a task."""

import math

import pytest

from statewise.tasks import Classification, Metric, Regression


class Hits(Classification):
    primary = Metric("accuracy", "fraction", lower_is_better=False)
    solved_at = 0.99


class Errors(Regression):
    primary = Metric("mse", "squared error", lower_is_better=True)
    solved_at = 0.01


class Open(Errors):
    solved_at = None


@pytest.mark.parametrize(
    ("objective", "score", "solved"),
    [
        (Hits(), 1.0, True),
        (Hits(), 0.99, True),
        (Hits(), 0.98, False),
        (Hits(), math.nan, False),
        (Errors(), 0.0, True),
        (Errors(), 0.01, True),
        (Errors(), 0.02, False),
        (Errors(), math.nan, False),
        (Open(), 0.0, False),
    ],
)
def test_a_run_has_solved_a_task_from_solved_at_on(objective: Hits | Errors, score: float, solved: bool):
    assert objective.is_solved(score) is solved
