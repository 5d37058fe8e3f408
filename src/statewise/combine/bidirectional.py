"""A layer that reads a sequence in both directions."""

import torch
from torch import Tensor

from statewise.combine.ragged import run_ragged
from statewise.contract import EncoderLayer, Input, SequenceLayer, Timed


class Bidirectional(EncoderLayer):
    """y_t = [forward(x)_t ; backward(x reversed)_t] (Schuster & Paliwal 1997), each row reversed within its own length.

    Padding never enters either direction. Backward in time, the time between two steps stands at the earlier one; its
    first step is given the time before the row's first.

    >>> from statewise.layers.recurrent.lstm import LSTM
    >>> both = Bidirectional(LSTM(input_size=3, hidden_size=4), LSTM(input_size=3, hidden_size=5))
    >>> both(torch.randn(2, 7, 3), torch.tensor([7, 2])).shape
    torch.Size([2, 7, 9])

    Raises:
        ValueError: if the two layers do not read the same input.
    """

    def __init__(self, forward_layer: SequenceLayer, backward_layer: SequenceLayer) -> None:
        if forward_layer.input_form != backward_layer.input_form:
            raise ValueError(f"the two directions read {forward_layer.input_form} and {backward_layer.input_form}")
        super().__init__(forward_layer.input_form, forward_layer.output_size + backward_layer.output_size)
        self.forward_layer = forward_layer
        self.backward_layer = backward_layer
        self.reads_time = forward_layer.reads_time or backward_layer.reads_time

    def _encode(self, x: Input, lengths: Tensor) -> Tensor:
        onward, _ = run_ragged(self.forward_layer, x, lengths)
        backward, _ = run_ragged(self.backward_layer, _backward_in_time(x, lengths), lengths)
        return torch.cat([onward, reverse_within(backward, lengths)], dim=2)


def reverse_within(x: Tensor, lengths: Tensor) -> Tensor:
    """Each row reversed in its first ``lengths`` steps, the padding left where it is.

    >>> reverse_within(torch.tensor([[1, 2, 3], [4, 5, 0]]), torch.tensor([3, 2])).tolist()
    [[3, 2, 1], [5, 4, 0]]
    """
    steps = torch.arange(x.shape[1], device=x.device).unsqueeze(0)
    mirrored = torch.where(steps < lengths.unsqueeze(1), lengths.unsqueeze(1) - 1 - steps, steps)
    return torch.gather(x, 1, mirrored.view(*mirrored.shape, *[1] * (x.dim() - 2)).expand_as(x))


def _backward_in_time(x: Input, lengths: Tensor) -> Input:
    """``x`` as the backward layer reads it. ``elapsed_t`` lies between steps t - 1 and t, so backward t - 1 has it."""
    if not isinstance(x, Timed):
        return reverse_within(x, lengths)
    steps = torch.arange(x.elapsed.shape[1], device=x.elapsed.device).unsqueeze(0)
    ends = lengths.unsqueeze(1)
    after = torch.where(steps < ends, (steps + 1) % ends.clamp(min=1), steps)
    return Timed(reverse_within(x.values, lengths), reverse_within(x.elapsed.gather(1, after), lengths))
