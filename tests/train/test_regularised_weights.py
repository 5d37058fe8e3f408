"""Dropped and normed recurrent weights in training: it ends alike wherever it is stopped, and goes down."""

from pathlib import Path

import pytest

from statewise.train.config import TrainConfig
from statewise.train.loop import Trainer

from .small import Rows, ends_the_same_wherever_it_is_stopped, small_model

CONFIG = TrainConfig(steps=4, batch_size=4, evaluate_every=2, checkpoint_every=1, warmup=0)


@pytest.mark.parametrize("norm", ["none", "weight", "spectral"])
def test_stopped_anywhere_it_ends_bit_for_bit_the_same(norm: str, tmp_path: Path):
    fields = {"drop_connect": 0.4, "weight_norm": norm, "dropout": 0.2, "dropout_mask": "sequence"}
    ends_the_same_wherever_it_is_stopped(
        lambda folder: Trainer(small_model(**fields), Rows(), CONFIG, folder), tmp_path
    )
