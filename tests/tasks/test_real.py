"""Real files are read as a person would, or refused."""

import math
from pathlib import Path

import pytest

from statewise.errors import UserError
from statewise.tasks.forecast import Forecast
from statewise.tasks.language import Language
from statewise.tasks.resolve import make_task, name_task

SERIES = {
    "ett/ETTh1.csv": ("OT", 24, 7),
    "series/Airline.csv": ("Passengers", 12, 1),
    "series/Lynx.csv": ("0", 1, 1),
    "series/ShampooSales.csv": ("Sales", 12, 1),
    "series/solar.csv": ("solar_gen", 48, 1),
    "series/Uschange.csv": ("Unemployment", 4, 5),
    "series/seatbelts.csv": ("KSI", 12, 1),
    "series/mitdb.csv": ("data", 1, 1),
}
"""File -> target, season and columns that are found"""


@pytest.mark.parametrize("name", SERIES)
def test_a_real_series_is_read_as_a_person_would(name: str, data: Path):
    target, season, columns = SERIES[name]
    task = make_task(*name_task(str(data / name)))
    assert isinstance(task, Forecast)
    assert (task.columns[task.targets[0]], task.season, len(task.columns)) == (target, season, columns)
    baselines = task.baselines()
    assert len(baselines) == (2 if season > 1 else 1)
    assert all(math.isfinite(value) for metrics in baselines.values() for value in metrics.values())
    batch = task.train_batch(0, batch_size=4, seed=0)
    assert bool(batch.targets.isfinite().all())


@pytest.mark.parametrize(
    "name", ["tinyshakespeare/input.txt", "wikitext-2/valid.txt", "names/Czech.txt", "sst_trees/dev.txt"]
)
def test_a_real_text_is_read_whole(name: str, data: Path):
    path = data / name
    task = make_task(*name_task(str(path)))
    assert isinstance(task, Language)
    assert sum(map(len, task.parts.values())) == len(path.read_bytes().decode())
    text = task.vocabulary.decode(task.parts["train"][:200].tolist())
    assert text == path.read_bytes().decode()[:200]


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("rt-polarity/rt-polarity.neg", "line 32. is 0xe9"),
        ("series/santafe_laser.npy", "neither a plain text nor a table"),
        ("multi30k/val.en.gz", "neither a plain text nor a table"),
        ("fsdd/0_george_0.wav", "binary"),
        ("fsdd", "is a folder"),
    ],
)
def test_real_files_that_are_neither_are_refused(name: str, cause: str, data: Path):
    with pytest.raises(UserError, match=cause):
        make_task(*name_task(str(data / name)))
