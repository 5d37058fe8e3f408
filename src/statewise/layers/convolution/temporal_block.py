"""The residual block of a temporal convolutional network (TCN).

Bai, Kolter & Koltun 2018, section 3.3 and figure 1b:

    u_t = dropout(relu(conv_1(x)_t)),  v_t = dropout(relu(conv_2(u)_t)),  y_t = relu(v_t + W_skip x_t)

with two causal convolutions of K taps that stand ``dilation`` steps apart, so that a block sees 2 (K - 1) dilation
steps back. Our K is the paper's k, our dilation its d. W_skip is the identity where the widths agree. Dropout takes
single values out, as the authors' program does; their text speaks of whole channels. The program draws all weights from
N(0, 0.01^2), but weight normalisation undoes that for the filters before their first use; so here W_skip alone does.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from statewise.contract import Segments, SequenceLayer, Vectors
from statewise.modules.linear import Linear
from statewise.ops.causal_convolution import causal_convolution
from statewise.ops.noise import dropout_mask

SKIP_STD = 0.01
"""Standard deviation of W_skip at the start"""


class TemporalBlockState(NamedTuple):
    """The last inputs of both convolutions, and what the dropout noise is a function of."""

    first: Tensor
    """(B, (K - 1) dilation, D)"""
    second: Tensor
    """(B, (K - 1) dilation, H)"""
    seed: Tensor
    """(B,) int64"""
    steps: Tensor
    """(B,) int64"""


class TemporalBlock(SequenceLayer):
    """y = relu(conv_2(relu(conv_1(x))) + skip(x)).

    With weight normalisation torch pickles no such module whole: keep its ``state_dict``.

    Args:
        input_size: D.
        hidden_size: H, width of both convolutions and of the output.
        kernel_size: K, taps of each convolution.
        dilation: steps between two taps.
        dropout: fraction of each convolution's outputs dropped in training, in [0, 1).
        weight_norm: whether length and direction of the filters are trained apart (Salimans & Kingma 2016).

    Raises:
        ValueError: if kernel size or dilation is below 1, or dropout is outside [0, 1).

    >>> y, state = TemporalBlock(input_size=3, hidden_size=4, kernel_size=2, dilation=3)(torch.randn(2, 7, 3))
    >>> y.shape, state.first.shape
    (torch.Size([2, 7, 4]), torch.Size([2, 3, 3]))
    """

    def __init__(
        self,
        *,
        input_size: int,
        hidden_size: int,
        kernel_size: int = 3,
        dilation: int = 1,
        dropout: float = 0.0,
        weight_norm: bool = True,
    ) -> None:
        super().__init__(Vectors(input_size), hidden_size)
        if kernel_size < 1 or dilation < 1:
            raise ValueError(f"kernel_size and dilation must be at least 1, got {kernel_size} and {dilation}")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be at least 0 and below 1, got {dropout}")
        self.input_size = input_size
        self.dilation = dilation
        self.dropout = dropout
        self.reach = (kernel_size - 1) * dilation
        self.first: nn.Module = nn.Conv1d(input_size, hidden_size, kernel_size)
        self.second: nn.Module = nn.Conv1d(hidden_size, hidden_size, kernel_size)
        if weight_norm:
            self.first = parametrizations.weight_norm(self.first)
            self.second = parametrizations.weight_norm(self.second)
        self.skip: nn.Module = nn.Identity()
        if input_size != hidden_size:
            self.skip = Linear(input_size, hidden_size)
            nn.init.normal_(self.skip.weight, std=SKIP_STD)

    @classmethod
    def depth_to_see(cls, context: int, options: Mapping[str, Any]) -> int:
        """Blocks with dilations 1, 2, 4, ... of which n see 2 (K - 1) (2^n - 1) steps back."""
        back = 2 * (options["kernel_size"] - 1)
        return max(1, (-(-(context - 1) // back)).bit_length()) if back else 1

    @classmethod
    def options_of_block(cls, number: int) -> dict[str, Any]:
        return {"dilation": 2**number}

    def initial_state(self, batch_size: int) -> TemporalBlockState:
        seed = self.noise_seeds(batch_size)
        first = self.zeros(batch_size, self.reach, self.input_size)
        second = self.zeros(batch_size, self.reach, self.output_size)
        return TemporalBlockState(first, second, seed, torch.zeros_like(seed))

    def step(self, x: Tensor, state: TemporalBlockState) -> tuple[Tensor, TemporalBlockState]:
        first = torch.cat([state.first, x.unsqueeze(1)], dim=1)
        u = self._dropped(F.relu(_filtered(first[:, :: self.dilation], self.first)), state.seed, state.steps, stream=0)
        second = torch.cat([state.second, u.unsqueeze(1).to(first)], dim=1)
        v = self._dropped(
            F.relu(_filtered(second[:, :: self.dilation], self.second)), state.seed, state.steps, stream=1
        )
        after = TemporalBlockState(first[:, 1:], second[:, 1:], state.seed, state.steps + 1)
        return F.relu(v + self.skip(x)), after

    def _segments(
        self, x: Tensor, state: TemporalBlockState, segments: Segments | None
    ) -> tuple[Tensor, TemporalBlockState]:
        seed, passed = state.seed, torch.arange(x.shape[1], device=x.device)
        steps, after = state.steps.unsqueeze(1) + passed, state.steps + x.shape[1]
        if segments is not None:
            seed = segments.told(seed, self.noise_seeds(segments.later))
            steps, after = passed - segments.begun(state.steps), segments.counted(state.steps)
        u, first = self._convolve(self.first, x, state.first, seed, steps, segments, stream=0)
        v, second = self._convolve(self.second, u, state.second, seed, steps, segments, stream=1)
        last = seed if segments is None else seed[:, -1].clone()
        return F.relu(v + self.skip(x)), TemporalBlockState(first, second, last, after)

    def _convolve(
        self, convolution: nn.Module, x: Tensor, tail: Tensor, seed: Tensor, steps: Tensor,
        segments: Segments | None, *, stream: int,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        """dropout(relu(conv(x))) and the new tail."""
        weight, bias = convolution.weight, convolution.bias
        y, tail = causal_convolution(x, tail, weight, bias, segments, dilation=self.dilation)  # type: ignore[arg-type]
        return self._dropped(F.relu(y), seed, steps, stream=stream), tail

    def _dropped(self, y: Tensor, seed: Tensor, steps: Tensor, *, stream: int) -> Tensor:
        """In training, ``y`` with some values dropped."""
        if not (self.training and self.dropout):
            return y
        return y * dropout_mask(seed, steps, self.output_size, self.dropout, y.dtype, stream=stream)


def _filtered(taps: Tensor, convolution: nn.Module) -> Tensor:
    """``bias + sum_k W_k x_k`` of the K inputs ``(B, K, D)`` that stand under the filter."""
    weight, bias = convolution.weight, convolution.bias
    return F.linear(taps.transpose(1, 2).flatten(1), weight.flatten(1), bias)  # type: ignore[operator, arg-type]
