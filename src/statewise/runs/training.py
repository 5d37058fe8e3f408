"""Train one model into a run folder, and score a finished one."""

import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from statewise.errors import UserError
from statewise.models.resolve import build
from statewise.runs.config import RunConfig
from statewise.runs.folder import README, load_run, open_folder, save_best, write_json, write_preprocessing
from statewise.tasks.resolve import make_task
from statewise.train.closed_form import fit_readout
from statewise.train.evaluation import evaluate
from statewise.train.history import OnEntry, OnStep
from statewise.train.loop import Trainer


def train_run(
    config: RunConfig,
    folder: Path,
    *,
    command: str,
    on_entry: OnEntry = lambda entry: None,
    on_step: OnStep = lambda step, loss: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Train (or go on training) in ``folder`` and return the result, which also stands there.

    Raises:
        UserError: if the config, data or folder will not do, or training diverges.
    """
    task = make_task(config.task, config.task_options)
    open_folder(folder, config)
    write_preprocessing(folder, task)
    write_json(folder / "environment.json", _environment())
    torch.manual_seed(config.train.seed)
    model = build(config.model, task.input_form, task.output_size)
    status, step = "finished", config.train.steps
    if config.train.readout == "ridge":
        fit_readout(model, task, config.train)
    else:
        trainer = Trainer(model, task, config.train, folder)
        outcome = trainer.run(on_entry=on_entry, on_step=on_step, should_stop=should_stop)
        status, step = outcome.status, outcome.progress.step
        if outcome.advice:
            raise UserError(f"training diverged: {outcome.advice}")
    if status == "interrupted":
        return {"status": status, "step": step}
    save_best(folder, model, {"step": step})
    result = {"status": status, "step": step, **score_run(folder)}
    write_json(folder / "result.json", result)
    verb = {"language": "generate", "forecast": "forecast"}.get(config.task, "evaluate")
    text = README.format(task=config.task, layer=config.model.layer, command=command, folder=folder, verb=verb)
    (folder / "README.md").write_text(text, encoding="utf-8")
    return result


def score_run(folder: Path) -> dict[str, Any]:
    """Scores of a run's best weights on validation and test."""
    run = load_run(folder)
    task = make_task(run.config.task, run.config.task_options)
    if (task.input_form, task.output_size) != (run.model.input_form, run.model.output_size):
        raise UserError(f"the data of {folder} has changed since the training: it is another {task.name} task now")
    size = run.config.train.batch_size
    found: dict[str, Any] = {split: evaluate(run.model, task, split, batch_size=size) for split in ("valid", "test")}
    return {"primary": task.primary.name, **found, "baselines": dict(task.baselines()), "chance": task.chance()}


def _environment() -> dict[str, Any]:
    return {"python": platform.python_version(), "torch": torch.__version__, "system": platform.platform()}
