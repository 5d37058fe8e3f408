"""A training in a process of its own, for the test that kills it."""

from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

from statewise.models.config import ModelConfig
from statewise.models.resolve import build
from statewise.tasks.language import Language
from statewise.train.config import TrainConfig
from statewise.train.loop import Trainer

TRAININGS: dict[str, dict[str, Any]] = {
    "adamw": {"optimizer": "adamw"},
    "sgd": {"optimizer": "sgd"},
    "rmsprop": {"optimizer": "rmsprop"},
    "all at once": {
        "l1": 1e-4,
        "l2": 1e-3,
        "curriculum": "linear",
        "curriculum_from": 3,
        "pretraining": "greedy-frozen",
        "pretraining_share": 0.7,
    },
}
"""What each training sets beside what all have"""


def train(folder: Path, training: str, steps_done: Connection) -> None:
    """Train to the end in ``folder``, telling every update."""
    torch.set_num_threads(1)
    task = Language(chunk=16, most_scored=600)
    torch.manual_seed(0)
    model = build(ModelConfig(layer="lstm", width=16, depth=2, dropout=0.2), task.input_form, task.output_size)
    config = TrainConfig(
        steps=60, batch_size=4, evaluate_every=20, checkpoint_every=7, accumulate=2, **TRAININGS[training]
    )
    Trainer(model, task, config, folder).run(on_step=lambda step, loss: steps_done.send(step))
