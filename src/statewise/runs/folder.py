"""The folder of a run: config, environment, history, checkpoints, preprocessing, result."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from statewise.contract import InputForm, Model, Tokens, Vectors
from statewise.errors import UserError
from statewise.models.config import ModelConfig
from statewise.models.resolve import build
from statewise.runs.complete import as_data
from statewise.runs.config import RunConfig
from statewise.storage import make_folder, read_json, write_json
from statewise.tasks.base import Task
from statewise.train.checkpoint import load_checkpoint, load_weights, save_checkpoint

README = """# A statewise run

{task} with {layer}. Made by `{command}`.

- `config.json`: everything that decides the result; `environment.json`: what it ran on
- `best/`: the weights that validated best; `last/`: where training stands, to go on from
- `preprocessing.json`: what turns data into numbers and back
- `history.jsonl`: one line an evaluation; `result.json`: scores on validation and test

Use it: `statewise evaluate {folder}`, `statewise {verb} {folder}`, `statewise report {folder}`.
"""


@dataclass(frozen=True)
class LoadedRun:
    """A finished run, ready for use without its data."""

    config: RunConfig
    model: Model
    preprocessing: Mapping[str, Any]


def open_folder(folder: Path, config: RunConfig) -> None:
    """Make the folder of a run, or go on in it.

    Raises:
        UserError: if it cannot be written, or holds something else or another config.
    """
    if make_folder(folder, "run"):
        before = read_config(folder)
        if as_data(before) != as_data(config):
            changed = _first_difference(as_data(before), as_data(config))
            raise UserError(f"{folder} holds a run with another config ({changed}); choose another folder with --out")
        return
    write_json(folder / "config.json", as_data(config))


def read_config(folder: Path) -> RunConfig:
    """The config of a run.

    Raises:
        UserError: if the folder holds no run or its config was edited into something impossible.
    """
    path = folder / "config.json"
    if not path.exists():
        raise UserError(f"{folder} is not a run: it has no config.json; name a folder that 'statewise train' made")
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(RunConfig).validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise UserError(f"{path} is damaged at {where}: {first['msg']}; restore it or train anew") from error


def write_preprocessing(folder: Path, task: Task) -> None:
    """What a run needs to be used without its data."""
    form = task.input_form
    size = {"tokens": form.vocabulary} if isinstance(form, Tokens) else {"vectors": form.size}
    write_json(
        folder / "preprocessing.json",
        {"input": size, "output_size": task.output_size, "data": task.fingerprint(), **task.preprocessing()},
    )


def save_best(folder: Path, model: Model, facts: Mapping[str, Any]) -> None:
    """The weights to be used."""
    save_checkpoint(folder / "best", model.state_dict(), facts)


def load_run(folder: Path, make: Callable[[ModelConfig, InputForm, int], Model] = build) -> LoadedRun:
    """A run's model with its best weights, in eval mode.

    Raises:
        UserError: if something is missing, damaged or of another model.
    """
    config = read_config(folder)
    preprocessing = read_json(folder / "preprocessing.json")
    size = preprocessing["input"]
    form = Tokens(size["tokens"]) if "tokens" in size else Vectors(size["vectors"])
    model = make(config.model, form, preprocessing["output_size"])
    tensors, _ = load_checkpoint(folder / "best")
    load_weights(model, tensors, source=str(folder / "best"))
    return LoadedRun(config, model.eval(), preprocessing)


def _first_difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    for name in before:
        if before[name] != after.get(name):
            if isinstance(before[name], dict) and isinstance(after.get(name), dict) and before[name]:
                return f"{name}.{_first_difference(before[name], after[name])}"
            return f"{name} {before[name]} there, {after.get(name)} here"
    return "fields"
