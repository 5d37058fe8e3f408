"""Train one model, score it and use it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from statewise.generation.generate import generate, read_vocabulary
from statewise.generation.sampling import Sampling
from statewise.runs.config import RunConfig
from statewise.runs.folder import load_run
from statewise.runs.forecasting import NextRows, SeveralNextRows, forecast_each, forecast_next
from statewise.runs.intervals import Intervals
from statewise.runs.rows_ahead import USUALLY, When
from statewise.runs.training import score_run, train_run


def train_model(config: RunConfig, folder: str | Path, *, command: str = "") -> dict[str, Any]:
    """Train one model into a run folder and return its scores; ``statewise train`` from Python.

    Args:
        config: task (or the path of a text or CSV file), model and training.
        folder: where the run goes; started again it goes on where it was stopped.
        command: what the folder says to do to have it again; empty = this call.

    Raises:
        UserError: if the config, data or folder will not do, or training diverges.

    >>> import tempfile
    >>> from dataclasses import replace
    >>> from statewise.models.resolve import default_config
    >>> from statewise.train.config import TrainConfig
    >>> model = replace(default_config("gru", depth=1, context_length=None), width=8)
    >>> result = train_model(RunConfig("parity", model, TrainConfig(steps=2)), tempfile.mkdtemp())
    >>> result["status"], sorted(result["test"])
    ('finished', ['accuracy', 'loss'])
    """
    command = command or f"statewise.train_model({config!r}, {str(folder)!r})"
    return train_run(config, Path(folder), command=command)


def evaluate_run(folder: str | Path, intervals: Intervals | None = None) -> dict[str, Any]:
    """Scores of a run on validation and test, of chance and of simple baselines; ``statewise evaluate`` from Python.

    Args:
        folder: of a finished run.
        intervals: which are tried on the test part; ``None`` = none.

    Returns:
        Plain data. Of several series, under ``series``: what each scores on test. With ``intervals``, where numbers are
        asked for, under ``interval``: what share of the test part they hold; where they are made of models with units
        dropped out, under ``thinned``: what the mean of these scores on test.

    Raises:
        UserError: if the folder holds no finished run, its data have changed, or models with units dropped out are
            asked for where there is no dropout.
    """
    return score_run(Path(folder), intervals)


def generate_text(folder: str | Path, prompt: str = "", sampling: Sampling | None = None) -> Iterator[str]:
    """Text that goes on from ``prompt``, piece by piece as it comes; ``statewise generate`` from Python.

    Args:
        folder: of a run that was trained on a text.
        prompt: empty = the start of a line.
        sampling: how much, and how bold.

    Raises:
        UserError: if the folder holds no finished run on a text.
    """
    run = load_run(folder)
    return generate(run.model, read_vocabulary(run.preprocessing, run.config.task), prompt=prompt, sampling=sampling)


def forecast_rows(
    folder: str | Path,
    data: str | Path = "",
    intervals: Intervals | None = None,
    when: When = USUALLY,
    series: str = "",
) -> NextRows:
    """The rows that follow a table, or one of its series; ``statewise forecast`` from Python.

    Args:
        folder: of a run that was trained on a table.
        data: table with the rows so far; empty = the one of the training.
        intervals: predictive intervals by split conformal prediction, of a model with dropout by Monte Carlo dropout;
            ``None`` = none. What they hold stands in ``statewise.runs.forecasting``.
        when: the rows come, of a run that is told times; else each comes a usual step after the one before.
        series: which one, of a run on a table of several; ``forecast_series`` forecasts all.

    Raises:
        UserError: if the folder holds no finished run on a table, the table has other columns or times, no such series,
            or models with units dropped out are asked for where there is no dropout.
    """
    return forecast_next(load_run(folder), str(data), intervals, when, series)


def forecast_series(
    folder: str | Path, data: str | Path = "", intervals: Intervals | None = None, when: When = USUALLY
) -> SeveralNextRows:
    """The rows that follow every series of a table; ``statewise forecast`` from Python. See ``forecast_rows``.

    Those of the training and others, unless these are shorter than the horizon.
    """
    return forecast_each(load_run(folder), str(data), intervals, when)
