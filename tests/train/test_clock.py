"""Time to train: what happens once is left out of it."""

import time

import pytest

from statewise.train.clock import NEIGHBOURS, Clock
from statewise.train.config import TrainConfig
from statewise.train.loop import Trainer

from .small import Rows, small_model


def test_costs_that_grow_are_counted_and_pauses_are_not():
    clock = Clock()
    clock.times = [5.0, *[0.25] * (NEIGHBOURS - 1), *[0.5] * (NEIGHBOURS - 1), 7.0]
    assert clock.seconds == pytest.approx(0.75 * NEIGHBOURS)
    assert Clock().seconds == 0


def test_a_training_leaves_out_what_its_first_update_compiles(monkeypatch: pytest.MonkeyPatch):
    trainer, once = Trainer(small_model(), Rows(), TrainConfig(steps=9, evaluate_every=3)), Trainer._one_update

    def compiling(trainer: Trainer) -> float:
        time.sleep(0 if trainer.progress.step else 0.5)
        return once(trainer)

    monkeypatch.setattr(Trainer, "_one_update", compiling)
    trainer.run()
    assert len(trainer.clock.times) == 9
    assert trainer.clock.seconds < sum(trainer.clock.times) - 0.4
