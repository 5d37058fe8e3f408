"""The folder of a run: config, environment, history, checkpoints, preprocessing, result."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from statewise.contract import InputForm, Model, Tokens, Vectors
from statewise.errors import UserError
from statewise.models.resolve import build
from statewise.runs.complete import as_data
from statewise.runs.config import RunConfig
from statewise.storage import holds_config, read_json, refuse_change, write_json
from statewise.tasks.task import Task
from statewise.train.checkpoint import has_checkpoint, load_checkpoint, load_weights, save_checkpoint
from statewise.train.snapshot import BEST, among

README = """# A statewise run

{task} with {layer}. Made by `{command}`.

- `config.json`: everything that decides the result; `environment.json`: what it ran on
- `best/`: the weights that validated best; `last/`: where training stands, to go on from
- `preprocessing.json`: what turns data into numbers and back
- `history.jsonl`: one line an evaluation; `result.json`: scores on validation and test

Use it: {uses}.
"""

NOT_LONGER = {"train.steps": "a training is laid out over all its steps, so none can be added"}
"""Why a field of a run's config cannot be changed, where people ask"""


@dataclass(frozen=True)
class LoadedRun:
    """A finished run, ready for use without its data."""

    config: RunConfig
    model: Model
    preprocessing: Mapping[str, Any]


def open_run(folder: Path, config: RunConfig, task: Task) -> None:
    """Make sure that the folder of a run is free or holds this one; it is made when the first file is written.

    Raises:
        UserError: if it holds something else, another config, or a run on other data.
    """
    if holds_config(folder, "run"):
        refuse_change(folder, "run", as_data(read_config(folder)), as_data(config), why=NOT_LONGER)
        if (folder / "preprocessing.json").exists():
            _check_config(folder, config, read_json(folder / "preprocessing.json"))
    if (folder / "preprocessing.json").exists():
        check_data(folder, task)


def keep_config(folder: Path, config: RunConfig, task: Task) -> None:
    """Write down what makes the run, and what it needs to be used without its data."""
    write_json(folder / "config.json", as_data(config))
    write_json(folder / "preprocessing.json", {"config": _hash(config), **_data_facts(task), **task.preprocessing()})


def read_config(folder: Path) -> RunConfig:
    """The config of a run.

    Raises:
        UserError: if the folder holds no run or its config was edited into something impossible.
    """
    path = folder / "config.json"
    if not path.exists():
        raise UserError(f"{folder} is not a run: it has no config.json; name a folder that 'statewise train' made")
    found = read_json(path)
    if "models" in found:
        raise UserError(f"{folder} is not a run but a comparison; name a folder that 'statewise train' made")
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(RunConfig).validate_python(found)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise UserError(f"{path} is damaged at {where}: {first['msg']}; restore it or train anew") from error


def check_data(folder: Path, task: Task) -> None:
    """Raise a UserError unless ``task`` has the data that the run in ``folder`` was begun with."""
    known = read_json(folder / "preprocessing.json")
    if any(known.get(name) != fact for name, fact in _data_facts(task).items()):
        raise UserError(
            f"the data of {folder} are not what they were when it was trained; put them back, or train anew in another "
            "folder with --out"
        )


def _data_facts(task: Task) -> dict[str, Any]:
    form = task.input_form
    size = {"tokens": form.vocabulary} if isinstance(form, Tokens) else {"vectors": form.size}
    return {"input": size, "output_size": task.output_size, "data": task.fingerprint()}


def save_best(folder: Path, model: Model, config: RunConfig, step: int) -> None:
    """Keep the weights to be used, which update they are of, and which config they were trained with."""
    save_checkpoint(folder / "best", model.state_dict(), {"step": step, "config": _hash(config)})


def load_run(folder: str | Path) -> LoadedRun:
    """A run's model with its best weights, in eval mode; of a training that was stopped, the best so far.

    Raises:
        UserError: if something is missing, damaged or of another model.
    """
    folder = Path(folder)
    config = read_config(folder)
    preprocessing = read_json(folder / "preprocessing.json")
    sizes = _sizes(preprocessing, folder)
    _check_config(folder, config, preprocessing)
    model = build(config.model, *sizes)
    load_weights(model, *_best_weights(folder, config))
    return LoadedRun(config, model.eval(), preprocessing)


def _best_weights(folder: Path, config: RunConfig) -> tuple[dict[str, Tensor], str]:
    """The weights that validated best, and where they are from."""
    source = folder / "best"
    if has_checkpoint(source) or not has_checkpoint(folder / "last"):
        tensors, facts = load_checkpoint(source)
        match facts:
            case {"step": int(), "config": str()}:
                _check_config(folder, config, facts)
                return tensors, str(source)
        raise UserError(f"{source / 'facts.json'} was edited or is damaged; restore it, or train anew")
    if (folder / "result.json").exists():
        raise UserError(
            f"{folder} is a finished run without its weights, as {source} was deleted; restore that, or run the "
            "command again that made the run"
        )
    tensors, _ = load_checkpoint(folder / "last")
    best = among(tensors, BEST)
    if not best:
        raise UserError(f"{folder} was stopped before its first evaluation; run its command again to go on")
    return best, str(folder / "last")


def _hash(config: RunConfig) -> str:
    return hashlib.sha256(json.dumps(as_data(config), sort_keys=True).encode()).hexdigest()


def _check_config(folder: Path, config: RunConfig, written: Mapping[str, Any]) -> None:
    """Raise a UserError unless ``config`` is the one whose hash was written down in training."""
    if written.get("config") != _hash(config):
        raise UserError(
            f"{folder / 'config.json'} is not the config that the run was trained with; restore it, or train anew in "
            "another folder with --out"
        )


def _sizes(preprocessing: Mapping[str, Any], folder: Path) -> tuple[InputForm, int]:
    """What goes into the model and how much comes out."""
    match preprocessing:
        case {"input": {"tokens": int(size)}, "output_size": int(outputs)}:
            return Tokens(size), outputs
        case {"input": {"vectors": int(size)}, "output_size": int(outputs)}:
            return Vectors(size), outputs
    raise UserError(f"{folder / 'preprocessing.json'} was edited or is damaged; restore it, or train anew")
