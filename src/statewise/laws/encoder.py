"""Laws of layers that read a whole sequence at once: padding changes nothing, and a batch equals one by one."""

import copy

import torch

from statewise import tree
from statewise.contract import EncoderLayer, Input, example_input, slice_time, values_of, with_values
from statewise.laws.broken import LawBroken, demand_equal
from statewise.laws.subject import BATCH, TIME, randomise_zeros, rows

LENGTHS = (TIME, 1, 0, 4, 6)


def check_encoder(layer: EncoderLayer, seed: int) -> None:
    """Raise ``LawBroken`` unless padding changes nothing, rows stand alone and every parameter is reached."""
    torch.manual_seed(seed)
    studied = copy.deepcopy(layer).double().eval()
    randomise_zeros(studied, seed)
    x = example_input(studied, BATCH, TIME, seed=seed)
    lengths = torch.tensor(LENGTHS)
    kept = tree.map(torch.clone, x)
    y = studied(x, lengths)
    if tuple(y.shape) != (BATCH, TIME, studied.output_size):
        raise LawBroken("contract", f"returns {tuple(y.shape)}, expected {(BATCH, TIME, studied.output_size)}")
    demand_equal("pure", "the input after a call", kept, x)
    _padding_changes_nothing(studied, x, lengths, y)
    for row, length in enumerate(LENGTHS):
        alone = studied(slice_time(rows(x, torch.tensor([row])), 0, length), torch.tensor([length]))
        demand_equal("batch = one by one", f"row {row}", y[row : row + 1, :length], alone)
    _every_parameter_is_reached(studied, x, lengths)


def _padding_changes_nothing(layer: EncoderLayer, x: Input, lengths: torch.Tensor, y: torch.Tensor) -> None:
    padded = torch.arange(TIME) >= lengths.unsqueeze(1)
    if bool((y[padded] != 0).any()):
        raise LawBroken("padding changes nothing", "outputs at padded positions are not zero")
    values = values_of(x)
    if values.is_floating_point():
        for value in (1e6, float("nan")):
            other = with_values(x, values.masked_fill(padded.unsqueeze(2), value))
            demand_equal("padding changes nothing", f"padding with {value}", y, layer(other, lengths))
    longer = tree.map(lambda leaf: torch.cat([leaf, leaf], dim=1), x)
    demand_equal("padding changes nothing", "more padding", y, layer(longer, lengths)[:, :TIME])


def _every_parameter_is_reached(layer: EncoderLayer, x: Input, lengths: torch.Tensor) -> None:
    parameters = dict(layer.named_parameters())
    if not parameters:
        return
    found = torch.autograd.grad(layer(x, lengths).square().sum(), list(parameters.values()), allow_unused=True)
    for name, gradient in zip(parameters, found, strict=True):
        if gradient is None or not bool((gradient != 0).any()):
            raise LawBroken("gradients", f"parameter '{name}' is never reached: its gradient is zero")
