"""The verbs from Python, in a few lines: compare models, train one, use it, time layers, write a report."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from statewise import report
from statewise.compare.config import CompareConfig
from statewise.compare.experiment import OnEvent
from statewise.compare.folder import read_result
from statewise.compare.run import run_comparison
from statewise.compare.study import Part, Study
from statewise.compare.study_result import finished_parts, is_study, open_study, write_study
from statewise.cost.bench.config import BenchConfig, Gear
from statewise.cost.bench.folder import check_folder, is_bench, write_bench
from statewise.cost.bench.run import OnStep, Subject, run_bench
from statewise.errors import UserError
from statewise.generation.generate import generate, read_vocabulary
from statewise.generation.sampling import Sampling
from statewise.models.bare import bare_layer
from statewise.models.resolve import pattern_of
from statewise.runs.config import RunConfig
from statewise.runs.folder import load_run
from statewise.runs.forecasting import NextRows, SeveralNextRows, forecast_each, forecast_next
from statewise.runs.intervals import Intervals
from statewise.runs.rows_ahead import USUALLY, When
from statewise.runs.training import score_run, train_run
from statewise.storage import made, read_json, write_text
from statewise.tasks.resolve import name_task
from statewise.tasks.task import Task
from statewise.train.config import TrainConfig
from statewise.train.device import check_device
from statewise.train.history import read_history
from statewise.workbench import WORKBENCH

STUDY_PAGE = "study.html"


@dataclass(frozen=True)
class Comparison:
    """A finished comparison."""

    folder: Path
    result: dict[str, Any]
    """Everything that was found out, as plain data; also ``result.json`` in the folder"""
    report: Path
    """The HTML page"""

    @property
    def winner(self) -> str | None:
        """The one arm that is recommended; None where several are, or none."""
        recommendation = self.result["recommendation"]
        return recommendation["arms"][0] if recommendation["verdict"] == "winner" else None

    @property
    def scores(self) -> dict[str, float | None]:
        """Arm -> its mean test score over the seeds; None where no run finished."""
        return {arm["label"]: arm["score"] and arm["score"]["mean"] for arm in self.result["arms"]}

    def __str__(self) -> str:
        """The recommendation and what it rests on."""
        recommendation = self.result["recommendation"]
        return "\n  ".join([recommendation["headline"], *recommendation["rests_on"]])


def compare_models(
    config: CompareConfig,
    folder: str | Path,
    *,
    command: str = "",
    on_begin: Callable[[Task], None] = lambda task: None,
    on_event: OnEvent = lambda event: None,
) -> Comparison:
    """Compare models on a task and write the report; ``statewise compare`` from Python.

    Started again with the same folder it goes on where it was stopped. In a script, the call has to stand under
    ``if __name__ == "__main__":``, as worker processes import the script; a notebook needs nothing.

    Args:
        config: what is compared; ``config.task`` may be the path of a text or CSV file.
        folder: where results go.
        command: what the report says to do to have it again; empty = this call.
        on_begin: told the task, once it is sure that nothing stands against the comparison.
        on_event: called when a trial begins or ends.

    Raises:
        UserError: if the config, data or folder will not do.

    >>> import tempfile
    >>> from statewise.train.config import TrainConfig
    >>> config = CompareConfig(task="parity", models=("rnn", "gru"), budget=500, depth=1, seeds=1, trials=1,
    ...                        lengths=(40,), train=TrainConfig(steps=2), workers=1, measure=False)
    >>> found = compare_models(config, tempfile.mkdtemp())
    >>> sorted(found.scores), found.report.name
    (['gru', 'rnn'], 'report.html')
    """
    task, options = name_task(config.task)
    config = replace(config, task=task, task_options={**options, **config.task_options})
    command = command or f"statewise.compare_models({config!r}, {str(folder)!r})"
    folder = Path(folder)
    result = run_comparison(config, WORKBENCH, folder, command=command, on_begin=on_begin, on_event=on_event)
    return Comparison(folder, result, _write_page(report.render_comparison, result, folder))


def run_study(
    study: Study,
    folder: str | Path,
    *,
    command: str = "",
    on_part: Callable[[Part], None] = lambda part: None,
    on_event: OnEvent = lambda event: None,
) -> dict[str, Any]:
    """Run the comparisons of a study one after the other, judge its statements, and return what came of it.

    ``statewise compare gated-units`` from Python. Each comparison has a folder within ``folder`` and goes on where it
    was stopped, as in `compare_models`; ``study.html`` links to all of them, from the first that is finished on.

    Args:
        study: of ``statewise.compare.presets``, or your own.
        folder: where results go.
        command: what the page says to do to have it again; empty = this call.
        on_part: called when a comparison begins.
        on_event: called when a trial begins or ends.

    Raises:
        UserError: if a config, data or folder will not do.
    """
    for part in study.parts:
        check_device(part.config.train)
    folder = Path(folder)
    command = command or f"statewise.run_study({study!r}, {str(folder)!r})"
    open_study(folder, study)
    results = finished_parts(folder, study)
    for part in study.parts:
        on_part(part)
        results[part.name] = compare_models(part.config, folder / part.name, on_event=on_event).result
        result = write_study(folder, study, results, command)
        _write_page(report.render_study, result, folder, STUDY_PAGE)
    return result


def train_model(config: RunConfig, folder: str | Path, *, command: str = "") -> dict[str, Any]:
    """Train one model into a run folder and return its scores; ``statewise train`` from Python.

    Args:
        config: task (or the path of a text or CSV file), model and training.
        folder: where the run goes; started again it goes on where it was stopped.
        command: what the folder says to do to have it again; empty = this call.

    Raises:
        UserError: if the config, data or folder will not do, or training diverges.

    >>> import tempfile
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
        intervals: how many models with units dropped out are asked besides; ``None`` = none.

    Returns:
        Plain data. With ``intervals``, under ``thinned``: what their mean scores on test and, where numbers are asked
        for, what share of the test part their intervals hold.

    Raises:
        UserError: if the folder holds no finished run, its data have changed, or intervals are asked of a model without
            dropout.
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
    run = load_run(Path(folder))
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
        intervals: predictive intervals from Monte Carlo dropout; ``None`` = none. What they hold stands in
            ``statewise.runs.forecasting``.
        when: the rows come, of a run that is told times; else each comes a usual step after the one before.
        series: which one, of a run on a table of several; ``forecast_series`` forecasts all.

    Raises:
        UserError: if the folder holds no finished run on a table, the table has other columns or times, no such series,
            or intervals are asked of a model without dropout.
    """
    return forecast_next(load_run(Path(folder)), str(data), intervals, when, series)


def forecast_series(
    folder: str | Path, data: str | Path = "", intervals: Intervals | None = None, when: When = USUALLY
) -> SeveralNextRows:
    """The rows that follow every series of a table; ``statewise forecast`` from Python. See ``forecast_rows``.

    Those of the training and others, unless these are shorter than the horizon.
    """
    return forecast_each(load_run(Path(folder)), str(data), intervals, when)


@dataclass(frozen=True)
class Bench:
    """What was timed."""

    folder: Path
    result: dict[str, Any]
    """Everything that was measured, as plain data; also ``result.json`` in the folder"""
    report: Path
    """The HTML page"""

    def ratio(self, model: str, gear: Gear) -> float:
        """A model's time to torch.nn's, the median over the rounds."""
        rows = self.result["rows"]
        return next(row["ratio"]["median"] for row in rows if (row["model"], row["gear"]) == (model, gear))


def bench_models(
    config: BenchConfig,
    folder: str | Path,
    *,
    command: str = "",
    on_step: OnStep = lambda done, total, note: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Bench:
    """Time layers on this machine against torch.nn and write the report; ``statewise bench`` from Python.

    Args:
        config: which layers, at what work.
        folder: where results go; those of an earlier bench there are replaced.
        command: what the report says to do to have it again; empty = this call.
        on_step: told how many measurements are done, of how many, and what comes next.
        should_stop: asked after every round; where it is true, that round was the last.

    Raises:
        UserError: if the config or folder will not do, or a layer cannot be made so wide.

    >>> import tempfile
    >>> config = BenchConfig(models=("gru",), batch=1, length=2, width=4, gears=("forward",), rounds=1)
    >>> bench_models(config, tempfile.mkdtemp()).ratio("gru", "forward") > 0
    True
    """
    check_device(TrainConfig(device=config.device))
    subjects = _subjects(config)
    folder = Path(folder)
    check_folder(folder)
    with made(folder):
        result = run_bench(config, subjects, on_step=on_step, should_stop=should_stop)
    result["command"] = command or f"statewise.bench_models({config!r}, {str(folder)!r})"
    write_bench(folder, result)
    return Bench(folder, result, _write_page(report.render_bench, result, folder))


def _subjects(config: BenchConfig) -> list[Subject]:
    """The layers, whose weights are the same on every call."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        patterns = [pattern_of(name, context_length=config.length) for name in config.models]
        return [Subject(p.name, p.family, p.peer, bare_layer(p, config.width)) for p in patterns]


def write_report(folder: str | Path) -> Path:
    """Write the HTML page of a finished comparison, study, run or bench anew and return its path.

    Raises:
        UserError: if the folder holds none of them, something in it is damaged, or the page cannot be written.
    """
    folder = Path(folder)
    result = read_result(folder)
    if is_bench(result):
        return _write_page(report.render_bench, result, folder)
    if is_study(result):
        return _write_page(report.render_study, result, folder, STUDY_PAGE)
    if "arms" in result:
        return _write_page(report.render_comparison, result, folder)
    run = {
        "title": f"Run {folder.name}",
        "config": read_json(folder / "config.json"),
        "environment": read_json(folder / "environment.json"),
        "history": [vars(entry) for entry in read_history(folder / "history.jsonl")],
        "result": result,
    }
    return _write_page(report.render_run, run, folder)


def _write_page(
    render: Callable[[dict[str, Any]], str], data: dict[str, Any], folder: Path, name: str = "report.html"
) -> Path:
    try:
        text = render(data)
    except ValueError as error:
        raise UserError(f"{folder / 'result.json'} is {error}") from error
    page = folder / name
    write_text(page, text)
    return page
