"""What trainings have in common is said once."""

import inspect

import pytest

from statewise.train.closed_form import ReadoutFitter
from statewise.train.loop import Trainer
from statewise.train.training import Training


@pytest.mark.parametrize("kind", [Trainer, ReadoutFitter])
def test_every_training_is_made_and_run_alike(kind: type[Training]):
    assert kind.__init__ is Training.__init__
    assert kind.run is Training.run
    assert "Args:" not in inspect.getdoc(kind)
