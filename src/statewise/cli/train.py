"""``statewise train``."""

import json
import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from statewise.cli import verbs
from statewise.cli.parsing import folder_name, parse_fields
from statewise.cli.use import print_scores
from statewise.cli.watch import StopAsked, Watch
from statewise.errors import UserError, counted
from statewise.fields import Setup, fields_said
from statewise.models.config import ModelConfig
from statewise.models.resolve import pattern_of
from statewise.options import option_types
from statewise.runs.complete import default_run
from statewise.runs.config import RunConfig
from statewise.runs.training import train_run
from statewise.tasks.resolve import find_task, name_task
from statewise.train.config import TrainConfig
from statewise.train.history import HistoryEntry
from statewise.train.training import Training


def run(verb: verbs.Train, command: str) -> None:
    """Train, say the scores and how to use the run."""
    config = make_config(verb)
    folder = Path(verb.out or f"runs/{folder_name(verb.data)}-{folder_name(config.model.layer)}")
    with Watch("updates", total=config.train.steps) as watch, StopAsked() as asked:
        teller = _Teller(config, folder, watch)
        result = train_run(
            config,
            folder,
            command=command,
            tensorboard=verb.tensorboard,
            on_begin=teller.begin,
            on_entry=teller.entry,
            on_step=teller.step,
            should_stop=asked,
        )
    if result["status"] == "interrupted":
        print(f"stopped at update {result['step']}")
        raise KeyboardInterrupt
    print_scores(result)
    print(f"use it: statewise {find_task(config.task).verb} {shlex.quote(str(folder))}")
    if verb.json:
        print(json.dumps({"run": str(folder), **result}))


@dataclass
class _Teller:
    """Tells a person who watches how a training goes."""

    config: RunConfig
    folder: Path
    watch: Watch

    def begin(self, training: Training) -> None:
        """What is trained, on what, where: said once nothing stands against it."""
        task, made = training.task, self.config.model
        model = f"model: {made.layer}, {counted(made.depth, 'block')} of width {made.width}"
        for note in (f"task: {self.config.task}", *task.notes, model, f"folder: {self.folder}"):
            print(note, flush=True)
        self.score = task.primary.name
        self.watch.total = training.batches
        if training.config.readout == "ridge":
            self.watch.what = "batches"
            once = ", which is all there is" if training.batches < training.config.steps else ""
            told = f"readout: solved from {counted(training.batches, 'batch', 'es')} of training data{once}"
            print(f"{told}; nothing is descended, so there is no loss to tell", flush=True)

    def entry(self, entry: HistoryEntry) -> None:
        """What an evaluation found."""
        learnt = "" if entry.train_loss is None else f"training loss {entry.train_loss:.4g}, "
        self.watch.say(f"step {entry.step}: {learnt}validation {self.score} {entry.valid:.4g}")

    def step(self, step: int, loss: float) -> None:
        """One more update; the first, which compiles what later ones find ready, tells nothing of their pace."""
        if not self.watch.begun:
            self.watch.begin(step)
        self.watch.at(step, "" if math.isnan(loss) else f"loss {loss:.3g}")


def make_config(verb: verbs.Train) -> RunConfig:
    """The run that the flags describe; what no flag says is the library's default."""
    name = ModelConfig.layer if verb.model is None else verb.model
    fields = parse_fields(verb.set)
    known = fields_said(name, fields, pattern_of, task_options={})
    _refuse_options_of(verb.data, [field for field in fields if not known.has(field)])
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


def _refuse_options_of(data: str, fields: Sequence[str]) -> None:
    """Raise a ``UserError`` where fields that a training does not have are options of its task."""
    options = option_types(find_task(name_task(data)[0])) if fields else {}
    for field in fields:
        option = field.removeprefix("task.")
        if option in options:
            raise UserError(f"{option} is an option of the task; say --task-options {option}=VALUE")
