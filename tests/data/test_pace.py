"""Times between rows as models are told them, and the times of rows ahead: by hand."""

from pathlib import Path

import numpy as np
import pytest
import torch

from statewise.contract import Timed
from statewise.data.ahead import rows_at, rows_every, usual_rows
from statewise.data.pace import Pace
from statewise.data.table import read_table
from statewise.data.times import Times
from statewise.errors import UserError

SENSOR = np.array([0.0, 10.0, 12.0, 22.0, 32.0, 92.0, 102.0])


def times_of(tmp_path: Path, times: list[str]) -> Times:
    path = tmp_path / "table.csv"
    path.write_text("time,x\n" + "".join(f"{time},{k * k % 7}\n" for k, time in enumerate(times)))
    found = read_table(str(path)).times
    assert found is not None
    return found


def test_what_is_told_by_hand():
    pace = Pace.fit([SENSOR], horizon=2, time_as="elapsed")
    assert (pace.unit, pace.shortest, pace.longest, pace.width) == (10.0, 2.0, 60.0, 3)
    assert pace.elapsed(SENSOR) == pytest.approx([1, 1, 0.2, 1, 1, 6, 1])
    since, next_one, one_after = (2 ** (1 + pace.columns(SENSOR, 7)) - 1).T
    assert since == pytest.approx([1, 1, 0.2, 1, 1, 6, 1])
    assert next_one == pytest.approx([1, 0.2, 1, 1, 6, 1, 1])
    assert one_after == pytest.approx([0.6, 0.6, 1, 3.5, 3.5, 1, 1])


def test_rows_that_follow_are_told_where_they_are_known():
    pace = Pace.fit([SENSOR], horizon=2, time_as="column")
    known = pace.columns(SENSOR, 5)
    assert known == pytest.approx(pace.columns(SENSOR, 7)[:5])
    assert known[-1] != pytest.approx(pace.columns(SENSOR[:5], 5)[-1])
    assert pace.columns(SENSOR[:5], 5)[-1] == pytest.approx([0, 0, 0])


@pytest.mark.parametrize("unit", [1.0, 0.1, 3600.0, 1 / 3])
def test_even_times_are_told_as_nothing_and_a_clock_of_ones(unit: float):
    times = np.round(np.arange(50) * unit, 6)
    values = np.random.default_rng(0).normal(size=(50, 2))
    for time_as in ("steps", "column", "elapsed"):
        told = Pace.fit([times], horizon=3, time_as=time_as).tell(values, times)
        assert isinstance(told, Timed) == (time_as == "elapsed")
        if isinstance(told, Timed):
            torch.testing.assert_close(told.elapsed, torch.ones(50), atol=1e-4, rtol=0)
            told = told.values
        assert torch.equal(told, torch.from_numpy(values).float())


def test_a_pace_survives_its_file():
    pace = Pace.fit([SENSOR], horizon=2, time_as="elapsed")
    assert Pace.from_json(pace.to_json()) == pace


DAY = "2024-01-0"
SPACINGS = {
    "days with a gap": ([f"{DAY}{day}" for day in (1, 2, 3, 8)], "from 1 day to 5 days (after line 4)"),
    "a row too many": ([f"{DAY}{day}" for day in ("1", "2", "2 08:00", "3", "4")], "from 8 h to 1 day"),
    "bursts": (["0", "0.5", "1", "40"], "from 0.5 to 39 (after line 4), usually 0.5"),
    "a clock set forward, in offsets": (
        [f"2024-03-31T{time}" for time in ("00:00+01:00", "01:00+01:00", "03:00+02:00", "06:00+02:00")],
        "from 1 h to 3 h (after line 4), usually 1 h",
    ),
}


@pytest.mark.parametrize("kind", SPACINGS)
def test_irregular_times_are_said_with_the_longest_step(kind: str, tmp_path: Path):
    times, said = SPACINGS[kind]
    found = times_of(tmp_path, times)
    assert (found.even, found.season) == (False, 1)
    assert said in found.spacing()
    assert any("times are irregular" in note and said in note for note in read_table(str(tmp_path / "table.csv")).notes)


def test_rows_that_jitter_are_even_and_said_to(tmp_path: Path):
    assert times_of(tmp_path, ["0", "10", "19", "31", "41"]).even
    notes = " | ".join(read_table(str(tmp_path / "table.csv")).notes)
    assert "one row every 10: no season known" in notes
    assert "more or less: from 9 to 12 (after line 4), usually 10 (--task-options time_as=elapsed" in notes
    assert times_of(tmp_path, ["0", "10", "20", "30.5", "40"]).even
    assert not any("more or less" in note for note in read_table(str(tmp_path / "table.csv")).notes)


def test_times_in_two_zones_are_one_time(tmp_path: Path):
    found = times_of(tmp_path, ["2024-01-01T00:00+00:00", "2024-01-01T02:00+01:00", "2024-01-01T02:00+00:00"])
    assert found.at.tolist() == [0, 3600, 7200]


AHEAD = {
    "every": (lambda times: rows_every(times, 2, "90min"), ["2024-01-03 01:30:00", "2024-01-03 03:00:00"]),
    "at": (
        lambda times: rows_at(times, 2, ["2024-01-04", "2024-01-04T13:00+01:00"]),
        ["2024-01-04 00:00:00", "2024-01-04 12:00:00"],
    ),
    "not rising": (lambda times: rows_at(times, 2, ["2024-01-04", "2024-01-04T10:00+10:00"]), []),
    "too few": (lambda times: rows_at(times, 2, ["2024-01-04"]), []),
    "before the last": (lambda times: rows_at(times, 1, ["2024-01-03"]), []),
    "no time": (lambda times: rows_at(times, 1, ["soon"]), []),
    "no unit": (lambda times: rows_every(times, 1, "5"), []),
    "no stretch": (lambda times: rows_every(times, 1, "often"), []),
    "back": (lambda times: rows_every(times, 1, "-1h"), []),
}


def test_what_is_wrong_with_times_ahead_is_said(tmp_path: Path):
    times = times_of(tmp_path, ["2024-01-01", "2024-01-02", "2024-01-03"])
    with pytest.raises(UserError, match=r"2 rows, but --at says 1 time; .* commas .* horizon=1"):
        rows_at(times, 2, ["2024-01-04"])
    with pytest.raises(UserError, match="soon"):
        rows_at(times, 2, ["soon"])


@pytest.mark.parametrize("kind", AHEAD)
def test_rows_ahead_of_dates(kind: str, tmp_path: Path):
    times = times_of(tmp_path, ["2024-01-01", "2024-01-02", "2024-01-03"])
    rows, names = AHEAD[kind]
    if not names:
        with pytest.raises(UserError, match=r"--every|--at"):
            rows(times)
        return
    found = rows(times)
    since = [np.datetime64(name) - np.datetime64("2024-01-01") for name in found.names]
    assert found.names == names
    assert found.at.tolist() == [span / np.timedelta64(1, "s") for span in since]


def test_rows_ahead_of_numbers(tmp_path: Path):
    times = times_of(tmp_path, ["1000000.5", "1000001.5", "1000003.5", "1000004.5"])
    assert usual_rows(times, 2).names == ["1000005.5", "1000006.5"]
    assert rows_every(times, 2, "0.25").at.tolist() == [4.25, 4.5]
    assert rows_at(times, 1, ["1000014.5"]).at.tolist() == [14.0]
    for wrong in ("1h", "0", "nan", "-1"):
        with pytest.raises(UserError, match="--every"):
            rows_every(times, 1, wrong)
    for wrong in ("2024-01-01", "nan", "1000004.5"):
        with pytest.raises(UserError):
            rows_at(times, 1, [wrong])
