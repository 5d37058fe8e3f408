"""An input, and a layer that reads it."""

import pytest
import torch

from statewise.layers.recurrent.lstm import LSTM

from .small import B, D, H, T


@pytest.fixture
def x() -> torch.Tensor:
    return torch.randn(B, T, D, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def lstm() -> LSTM:
    torch.manual_seed(0)
    return LSTM(input_size=D, hidden_size=H)
