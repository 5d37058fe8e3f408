"""Weights that torch makes anew at every call, through ``torch.nn.utils.parametrize``."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

from statewise import laws
from statewise.contract import SequenceLayer
from statewise.layers.recurrent.gru import GRU
from statewise.layers.recurrent.lstm import LSTM
from statewise.layers.recurrent.rnn import RNN

WEIGHT = "weight_hh_l0"
KINDS = pytest.mark.parametrize("kind", [RNN, LSTM, GRU])


class FixedMask(nn.Module):
    """Some connections are missing."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mask", (torch.arange(4) % 3 > 0).double())

    def forward(self, weight: Tensor) -> Tensor:
        return weight * self.mask.to(weight.dtype)


class DropConnect(nn.Module):
    """Others are missing at every call (Wan et al. 2013)."""

    def forward(self, weight: Tensor) -> Tensor:
        return F.dropout(weight, 0.5, self.training)


def parametrized(kind: type[SequenceLayer], change: Callable[[nn.Module, str], nn.Module] | nn.Module) -> SequenceLayer:
    torch.manual_seed(0)
    layer = kind(input_size=3, hidden_size=4)
    if isinstance(change, nn.Module):
        parametrize.register_parametrization(layer, WEIGHT, change)
    else:
        change(layer, WEIGHT)
    return layer


@KINDS
def test_weight_norm_and_a_fixed_mask_keep_the_laws(kind: type[SequenceLayer]):
    laws.check(parametrized(kind, weight_norm))
    laws.check(parametrized(kind, FixedMask()))


@KINDS
def test_spectral_norm_and_drop_connect_keep_them_in_eval_mode(kind: type[SequenceLayer]):
    laws.check(parametrized(kind, spectral_norm), mode="eval")
    laws.check(parametrized(kind, DropConnect()), mode="eval")


@KINDS
@pytest.mark.parametrize("seed", range(3))
def test_in_train_mode_it_is_said_what_breaks_which_law(kind: type[SequenceLayer], seed: int):
    with pytest.raises(laws.LawBroken, match=r"law 'pure': forward changes the weights and buffers\['.*\._u'\]"):
        laws.check(parametrized(kind, spectral_norm), seed=seed)
    with pytest.raises(laws.LawBroken, match=r"law 'pure': the same call twice"):
        laws.check(parametrized(kind, DropConnect()), seed=seed)
