"""``statewise train``."""

import json
import math
import shlex
from dataclasses import replace
from pathlib import Path

from statewise.cli import verbs
from statewise.cli.parsing import folder_name, parse_fields
from statewise.cli.use import print_scores
from statewise.cli.watch import StopAsked, Watch
from statewise.fields import Setup, fields_said
from statewise.models.config import ModelConfig
from statewise.models.resolve import pattern_of
from statewise.runs.complete import default_run
from statewise.runs.config import RunConfig
from statewise.runs.training import train_run
from statewise.tasks.resolve import make_task
from statewise.train.config import TrainConfig
from statewise.train.history import HistoryEntry


def run(verb: verbs.Train, command: str) -> None:
    """Train, say the scores and how to use the run."""
    config = make_config(verb)
    folder = Path(verb.out or f"runs/{folder_name(verb.data)}-{folder_name(config.model.layer)}")
    task = make_task(config.task, config.task_options)
    for note in (f"task: {config.task}", *task.notes, f"model: {config.model.layer}", f"folder: {folder}"):
        print(note, flush=True)
    name = task.primary.name
    with Watch("updates", total=config.train.steps) as watch, StopAsked() as asked:

        def tell(entry: HistoryEntry) -> None:
            watch.say(f"step {entry.step}: training loss {entry.train_loss:.4g}, validation {name} {entry.valid:.4g}")

        def at(step: int, loss: float) -> None:
            if not watch.begun:
                watch.begin(step - 1)
            watch.at(step, "" if math.isnan(loss) else f"loss {loss:.3g}")

        result = train_run(
            config,
            folder,
            command=command,
            tensorboard=verb.tensorboard,
            on_entry=tell,
            on_step=at,
            should_stop=asked,
        )
    if result["status"] == "interrupted":
        print(f"stopped at update {result['step']}")
        raise KeyboardInterrupt
    print_scores(result)
    print(f"use it: statewise {task.verb} {shlex.quote(str(folder))}")
    if verb.json:
        print(json.dumps({"run": str(folder), **result}))


def make_config(verb: verbs.Train) -> RunConfig:
    """The run that the flags describe; what no flag says is the library's default."""
    name = ModelConfig.layer if verb.model is None else verb.model
    fields = parse_fields(verb.set)
    known = fields_said(name, fields, pattern_of, task_options={})
    said = known.set_all(Setup(ModelConfig(layer=name), TrainConfig(), {}), fields)
    config = default_run(
        verb.data,
        name,
        task_options=parse_fields(verb.task_options),
        layer_options=said.model.options,
        **verbs.given(verb, "depth"),
    )
    model = replace(config.model, **verbs.given(verb, "width"))
    train = replace(config.train, **verbs.given(verb, "steps", "batch_size", "learning_rate", "seed", "device"))
    setup = known.set_all(Setup(model, train, {}), fields)
    return replace(config, model=replace(setup.model, options=model.options), train=setup.train)
