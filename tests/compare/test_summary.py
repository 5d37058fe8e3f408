"""What a comparison's result says of an arm's scores."""

import math

import numpy as np
import pytest

from statewise.compare.arm_result import bounded
from statewise.compare.config import CompareConfig
from statewise.compare.summary import subject_of
from statewise.metrics.intervals import mean_interval
from statewise.tasks.computing import Adding, Parity
from statewise.tasks.resolve import find_task


@pytest.mark.parametrize(
    ("config", "subject"),
    [
        (CompareConfig(task="language", task_options={"source": "books/plays.txt"}), "plays.txt"),
        (CompareConfig(task="language", task_options={"source": "embedded"}), "embedded"),
        (CompareConfig(task="parity"), "parity"),
    ],
)
def test_a_comparison_is_called_by_the_file_it_read_else_by_its_task(config: CompareConfig, subject: str):
    assert subject_of(config, find_task(config.task)) == subject


def test_the_interval_of_an_accuracy_stays_between_0_and_1():
    task = Parity(longest=4, evaluation_sequences=4)
    found = mean_interval([0.1, 0.5])
    assert found.low < 0
    assert found.high > 1
    assert bounded(found, np.array([0.1, 0.5]), task) == (0.0, 1.0)
    inside = mean_interval([0.50, 0.51, 0.52])
    assert bounded(inside, np.array([0.50, 0.51, 0.52]), task) == (inside.low, inside.high)


def test_the_interval_of_an_error_is_open_above():
    task = Adding(longest=4, shortest=4, evaluation_sequences=4)
    low, high = bounded(mean_interval([0.1, 5.0]), np.array([0.1, 5.0]), task)
    assert low == 0.0
    assert high is not None
    assert high > 5


def test_one_run_has_no_interval():
    task = Parity(longest=4, evaluation_sequences=4)
    assert not math.isfinite(mean_interval([0.3]).low)
    assert bounded(mean_interval([0.3]), np.array([0.3]), task) == (None, None)


def test_a_score_beyond_the_bounds_is_not_hidden():
    task = Adding(longest=4, shortest=4, evaluation_sequences=4)
    scores = [-2.0, -1.0, -1.5]
    low, high = bounded(mean_interval(scores), np.array(scores), task)
    assert low == pytest.approx(-2.0)
    assert high is not None
