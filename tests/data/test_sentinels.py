"""Numbers that stand for what is missing are told of; what is merely large, rare or of few kinds is not."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from statewise.data.sentinels import about_sentinels, sentinels
from statewise.tasks.forecast import Forecast

RANDOM = np.random.default_rng(0)
WEATHER = 8 * RANDOM.standard_normal(500)
COUNTS = RANDOM.poisson(0.3, 500).astype(float)


def put(column: np.ndarray, *marks: float, times: int = 3) -> np.ndarray:
    """A column in which marks stand, each so many times, in the middle."""
    return np.insert(column, len(column) // 2, np.repeat(marks, times))


@pytest.mark.parametrize("mark", [-999.0, 9999.0, -99.9, 999.99, 1e30, -3.4e38, 65535.0, -32768.0])
def test_marks_among_measurements_are_found(mark: float):
    assert list(sentinels(put(WEATHER, mark))) == [mark]


def test_several_marks_are_found_and_most_of_a_column_may_be_one():
    assert list(sentinels(put(WEATHER, -999.0, 1e30))) == [1e30, -999.0]
    assert list(sentinels(put(WEATHER, -999.0, times=5000))) == [-999.0]
    assert list(sentinels(put(COUNTS, -99.0))) == [-99.0]


QUIET = {
    "measurements": WEATHER,
    "one outlier, not repeated": put(WEATHER, 1e30, times=1),
    "counts with a rare large one": put(COUNTS, 40.0),
    "labels": np.repeat([0.0, 1.0], 50),
    "a device that is off or on": np.where(WEATHER > 0, 2000.0, 0.0),
    "a device that is off or busy": np.where(WEATHER > 0, 2000.0 + WEATHER, 0.0),
    "sales with two great days": put(np.floor(RANDOM.lognormal(3, 1, 500)), 1500.0, times=2),
    "clipped": WEATHER.clip(max=5.0),
    "constant": np.full(50, -999.0),
    "nothing": np.zeros(0),
}


@pytest.mark.parametrize("kind", QUIET)
def test_what_is_merely_large_rare_or_of_few_kinds_is_not(kind: str):
    assert list(sentinels(QUIET[kind])) == []


def test_heavy_tails_give_no_alarm():
    for seed in range(100):
        random = np.random.default_rng(seed)
        tails = [random.standard_cauchy(500), random.pareto(1, 500), random.negative_binomial(0.2, 0.02, 500)]
        assert about_sentinels(["a", "b", "c"], np.floor(np.stack(tails, axis=1))) == []


def test_no_real_table_gives_an_alarm():
    folder = Path(os.environ.get("STATEWISE_DATA", "/nonesuch"))
    tables = sorted(folder.rglob("*.csv"))
    if not tables:
        pytest.skip("STATEWISE_DATA names no folder of datasets")
    for table in tables:
        numbers = pd.read_csv(table).select_dtypes("number")
        assert about_sentinels(list(numbers.columns), numbers.fillna(numbers.median()).to_numpy(float)) == [], table


def test_the_task_warns_in_one_sentence_and_changes_nothing(tmp_path: Path):
    rows = np.stack([put(WEATHER, -999.0), put(RANDOM.standard_normal(500), -999.0)], axis=1)
    path = tmp_path / "weather.csv"
    path.write_text("\n".join(["wind,sun", *(f"{wind},{sun}" for wind, sun in rows)]) + "\n")
    task = Forecast(source=str(path))
    (warning,) = [note for note in task.notes if note.startswith("warning:")]
    assert warning == (
        "warning: -999 stands 6 times in wind, sun, far outside of all else there; if it marks what is missing, fill "
        "or drop these rows first, as models take it for a number"
    )
    assert np.array_equal(task.values, rows)
