"""Windows over endless data."""

import torch

from statewise.data.streams import training_window


def test_an_epoch_sees_every_place_at_most_once():
    windows = [training_window(k, total=1000, rows=3, length=16, seed=1) for k in range(333 // 16)]
    places = torch.cat([window.places.flatten() for window in windows])
    assert len(places.unique()) == len(places)
    assert bool(training_window(333 // 16, total=1000, rows=3, length=16, seed=1).begins.all())
