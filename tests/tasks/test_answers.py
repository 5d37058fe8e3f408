"""Objectives that follow from what is answered."""

import torch

from statewise.tasks import Batch, Regression


def test_a_regression_is_scored_by_the_mean_square_over_its_numbers():
    batch = Batch(torch.zeros(1, 2, 1), torch.tensor([[[1.0, 3.0], [9.0, 9.0]]]), torch.tensor([[1.0, 0.0]]))
    assert Regression().scores(torch.zeros(1, 2, 2), batch) == ({"mse": 5.0}, {"mse": 1.0})
