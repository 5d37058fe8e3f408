"""The rows that follow: worked out by hand where the model is known, for tasks of any name, from files as they are."""

from pathlib import Path

import pytest
import torch

from statewise.errors import UserError
from statewise.models.config import ModelConfig
from statewise.runs.config import RunConfig
from statewise.runs.folder import LoadedRun, load_run
from statewise.runs.forecasting import forecast_next
from statewise.runs.training import train_run
from statewise.train.config import TrainConfig

OWN = """
from statewise.tasks.forecast import Forecast


class Load(Forecast):
    name = "load"

    def __init__(self, *, file: str):
        super().__init__(source=file, target="load,heat", horizon=3, chunk=4)
"""


def table(rows: int, header: str = "day,load,heat") -> str:
    lines = [f"2024-01-{day:02d},{day % 7},{2 * day}" for day in range(1, rows + 1)]
    return "\n".join([header, *lines]) + "\n"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> LoadedRun:
    """A run of a task of one's own whose head says nothing: that all targets stay as they are."""
    folder = tmp_path_factory.mktemp("forecast")
    (folder / "own_load.py").write_text(OWN)
    (folder / "load.csv").write_text(table(28))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        train = TrainConfig(steps=1, batch_size=2, evaluate_every=1)
        config = RunConfig(
            "own_load:Load", ModelConfig(layer="gru", width=4), train, {"file": str(folder / "load.csv")}
        )
        train_run(config, folder / "run", command="-")
        loaded = load_run(folder / "run")
    for parameter in loaded.model.head.parameters():
        torch.nn.init.zeros_(parameter)
    return loaded


def test_a_model_that_says_nothing_goes_on_with_the_last_row(run: LoadedRun):
    found = forecast_next(run)
    assert found.times == ["2024-01-29", "2024-01-30", "2024-01-31"]
    assert found.values == {"load": pytest.approx([0.0] * 3), "heat": pytest.approx([56.0] * 3)}


def test_other_rows_and_other_columns(run: LoadedRun, tmp_path: Path):
    longer = tmp_path / "longer.csv"
    longer.write_text(table(30, header="day,load,heat"))
    found = forecast_next(run, str(longer))
    assert found.times[0] == "2024-01-31"
    assert found.values["heat"] == pytest.approx([60.0] * 3)
    longer.write_text(table(30, header="day,load,warmth"))
    with pytest.raises(UserError, match="no column of numbers 'heat'"):
        forecast_next(run, str(longer))


def test_what_was_not_trained_to_forecast_does_not(tmp_path: Path):
    options = {"longest": 6, "evaluation_sequences": 8}
    config = RunConfig("parity", ModelConfig(layer="gru", width=4), TrainConfig(steps=1, batch_size=2), options)
    train_run(config, tmp_path, command="-")
    with pytest.raises(UserError, match="on parity, holds no scaling to forecast with"):
        forecast_next(load_run(tmp_path))
