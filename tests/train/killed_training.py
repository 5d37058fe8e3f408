"""A training in a process of its own, for the test that kills it: ``python killed_training.py FOLDER OPTIMIZER``."""

import sys
from pathlib import Path

import torch

from statewise.models.config import ModelConfig
from statewise.models.resolve import build
from statewise.tasks.language import Language
from statewise.train.config import TrainConfig
from statewise.train.loop import Trainer


def main(folder: Path, optimizer: str) -> None:
    torch.set_num_threads(1)
    task = Language(chunk=16, most_scored=600)
    torch.manual_seed(0)
    model = build(ModelConfig(layer="lstm", width=16, dropout=0.2), task.input_form, task.output_size)
    config = TrainConfig(
        steps=60, batch_size=4, optimizer=optimizer, evaluate_every=20, checkpoint_every=7, accumulate=2
    )
    trainer = Trainer(model, task, config, folder)

    def tell(step: int, loss: float) -> None:
        print(step, flush=True)

    trainer.run(on_step=tell)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
