"""Train one model into a run folder, and score a finished one."""

import platform
import shlex
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from statewise.contract import Model
from statewise.errors import UserError
from statewise.models.resolve import build
from statewise.runs.complete import complete_run
from statewise.runs.config import RunConfig
from statewise.runs.folder import README, check_data, keep_config, load_run, open_run, save_best
from statewise.runs.intervals import Intervals
from statewise.runs.predictive import score_intervals
from statewise.storage import write_json, write_text
from statewise.tasks.presentation import Presentation
from statewise.tasks.resolve import make_task
from statewise.tasks.task import Task
from statewise.train.convergence import convergence
from statewise.train.evaluation import evaluate, evaluate_series
from statewise.train.history import HistoryEntry, OnEntry, OnStep, Outcome
from statewise.train.start import make_trainer
from statewise.train.tensorboard import EventFiles
from statewise.train.training import Training
from statewise.used import refuse_idle


def train_run(
    config: RunConfig,
    folder: Path,
    *,
    command: str,
    tensorboard: bool = False,
    on_begin: Callable[[Training], None] = lambda training: None,
    on_entry: OnEntry = lambda entry: None,
    on_step: OnStep = lambda step, loss: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Train (or go on training) in ``folder`` and return the result, which also stands there.

    Args:
        config: what is trained on what, and how.
        folder: of the run; one that was interrupted or killed is gone on with.
        command: what a person types to make the run, for its README.
        tensorboard: whether the history is also written as event files, under ``folder/tensorboard``.
        on_begin: handed the training, once it is sure that nothing stands against it.
        on_entry: told every entry of the history.
        on_step: told every update.
        should_stop: asked before every update.

    Raises:
        UserError: if the config, data or folder will not do, or training diverges.
    """
    config = complete_run(config)
    refuse_idle(config.model)
    task = make_task(config.task, config.task_options)
    open_run(folder, config, task)
    torch.manual_seed(config.train.seed)
    model = build(config.model, task.input_form, task.output_size)
    trainer = make_trainer(model, task, config.train, folder)
    keep_config(folder, config, task)
    write_json(folder / "environment.json", _environment())
    on_begin(trainer)
    with EventFiles(folder / "tensorboard", trainer.history) if tensorboard else nullcontext() as events:

        def note(entry: HistoryEntry) -> None:
            on_entry(entry)
            if events is not None:
                events.add(entry)

        outcome = trainer.run(on_entry=note, on_step=on_step, should_stop=should_stop)
    if outcome.status == "interrupted":
        return {"status": outcome.status, "step": outcome.progress.step}
    return _finish(config, folder, task, model, outcome, command)


def _finish(
    config: RunConfig, folder: Path, task: Presentation, model: Model, outcome: Outcome, command: str
) -> dict[str, Any]:
    """Keep the best weights, score them and write down all of it."""
    if outcome.progress.best_valid is not None:
        save_best(folder, model, config, outcome.progress.best_step)
    if outcome.advice:
        kept = f"; the weights of update {outcome.progress.best_step} are kept" if outcome.progress.best_step else ""
        raise UserError(f"training diverged: {outcome.advice}, in another folder with --out{kept}")
    result = {"status": outcome.status, "step": outcome.progress.step, "best_step": outcome.progress.best_step}
    result |= score_run(folder)
    write_json(folder / "result.json", result)
    verbs = dict.fromkeys(("evaluate", task.verb, "report"))
    uses = ", ".join(f"`statewise {verb} {shlex.quote(str(folder))}`" for verb in verbs)
    text = README.format(task=config.task, layer=config.model.layer, command=command, uses=uses)
    write_text(folder / "README.md", text)
    return result


def score_run(folder: Path, intervals: Intervals | None = None) -> dict[str, Any]:
    """Scores of a run's best weights on validation and test, and how its solvers did where it has any.

    Of several series also what each scores on test, beside its own baselines. With ``intervals`` also what share of
    the test part they hold, and what the mean of thinned models scores where they are made of these.
    """
    run = load_run(folder)
    task = make_task(run.config.task, run.config.task_options)
    check_data(folder, task)
    size = run.config.train.batch_size
    found: dict[str, Any] = {split: evaluate(run.model, task, split, batch_size=size) for split in ("valid", "test")}
    solved = convergence(run.model, task, "test", batch_size=size)
    series = {"series": _score_series(run.model, task, size)} if task.series else {}
    solver = {} if solved is None else {"solver": asdict(solved)}
    held = {} if intervals is None else score_intervals(run, intervals)
    return {
        "primary": task.primary.name,
        "lower_is_better": task.primary.lower_is_better,
        **found,
        "baselines": dict(task.baselines()),
        "chance": task.chance(),
        **series,
        **solver,
        **held,
    }


def _score_series(model: Model, task: Task, batch_size: int) -> dict[str, Any]:
    """Name of a series -> its scores on test, and those of its baselines."""
    scores = evaluate_series(model, task, "test", batch_size=batch_size)
    return {name: {"test": found, "baselines": dict(task.baselines_of(name))} for name, found in scores.items()}


def _environment() -> dict[str, Any]:
    return {"python": platform.python_version(), "torch": torch.__version__, "system": platform.platform()}
