"""Objectives that follow from what is answered."""

import torch

from statewise.tasks import Batch, Regression
from statewise.tasks.language import Language
from statewise.tasks.recalling import DelayedRecall


def test_a_regression_is_scored_by_the_mean_square_over_its_numbers():
    batch = Batch(torch.zeros(1, 2, 1), torch.tensor([[[1.0, 3.0], [9.0, 9.0]]]), torch.tensor([[1.0, 0.0]]))
    assert Regression().scores(torch.zeros(1, 2, 2), batch) == ({"mse": 5.0}, {"mse": 1.0})


def test_classes_are_unit_vectors_to_a_readout_in_closed_form_where_accuracy_decides():
    batch = Batch(torch.zeros(1, 2), torch.tensor([[2, 0]]), torch.ones(1, 2))
    task = DelayedRecall(symbols=3)
    assert task.solvable
    assert task.readout_targets(batch).argmax(dim=2).tolist() == [[2, 0]]
    assert task.readout_targets(batch).sum(dim=2).tolist() == [[1.0, 1.0]]
    assert not Language().solvable  # of next tokens, probabilities are asked for


def test_of_thinned_models_classes_have_the_mean_probability_and_numbers_the_mean():
    probabilities = torch.tensor([[0.9, 0.1], [0.5, 0.5], [0.1, 0.9]]).reshape(3, 1, 1, 2)
    logits = probabilities.log() + torch.tensor([3.0, -1.0, 0.0]).reshape(3, 1, 1, 1)
    assert torch.allclose(Language().pool(logits).exp(), probabilities.mean(0))
    assert torch.equal(Regression().pool(logits), logits.mean(0))
