"""Causal multi-head self-attention on a window of the last steps.

Vaswani et al. 2017, section 3.2; the carried window as in Dai et al. 2019 (Transformer-XL), section 3.2, without
stopping gradients (cutting them is the trainer's):

    q_t, k_t, v_t = W_q x_t, W_k x_t, W_v x_t                                   split into N heads of width d
    y_t           = W_o sum_{s = t-C+1..t} softmax_s(q_t . k_s / sqrt(d)) v_s

Our C (``context_length``) is how many steps a query sees, its own included; full attention is a window as long as the
context. Our N is the paper's h, our d its d_k = d_v.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from statewise import probe, tree
from statewise.contract import SequenceLayer, Vectors
from statewise.layers.attention.positions import PositionKind, make_positions
from statewise.ops.windowed_attention import append, attention_weights, windowed_attention


class AttentionState(NamedTuple):
    """The window of the last C - 1 steps (a query's own step is not carried), oldest first."""

    keys: Tensor
    """(B, C - 1, H)"""
    values: Tensor
    """(B, C - 1, H)"""
    steps: Tensor
    """(B,) int64: steps since the row began, which is the position of the next one"""


class SelfAttention(SequenceLayer):
    """y_t = W_o softmax(q_t K^T / sqrt(d)) V over the last ``context_length`` steps.

    Args:
        input_size: D.
        hidden_size: H, width of keys, values and output, a multiple of ``heads``.
        heads: N.
        context_length: C, how many steps a query sees, its own included.
        positions: ``none``, ``sinusoidal``, ``learned`` or ``rotary``.

    Raises:
        ValueError: if the heads do not divide the width, the head width is odd with rotary positions, or C < 1.

    >>> y, state = SelfAttention(input_size=3, hidden_size=4, heads=2, context_length=5)(torch.randn(2, 7, 3))
    >>> y.shape, state.keys.shape
    (torch.Size([2, 7, 4]), torch.Size([2, 4, 4]))
    """

    def __init__(
        self,
        *,
        input_size: int,
        hidden_size: int,
        heads: int = 4,
        context_length: int = 256,
        positions: PositionKind = "rotary",
    ) -> None:
        super().__init__(Vectors(input_size), hidden_size)
        if hidden_size % heads:
            raise ValueError(f"heads must divide the width, got {heads} heads and width {hidden_size}")
        if positions == "rotary" and hidden_size // heads % 2:
            raise ValueError(f"rotary positions need an even head width, got {hidden_size // heads}")
        if context_length < 1:
            raise ValueError(f"context_length must be at least 1, got {context_length}")
        self.heads = heads
        self.context_length = context_length
        self.positions = make_positions(positions, width=input_size, length=context_length)
        self.project_in = nn.Linear(input_size, 3 * hidden_size, bias=False)
        self.project_out = nn.Linear(hidden_size, hidden_size, bias=False)

    def initial_state(self, batch_size: int) -> AttentionState:
        window = self.zeros(batch_size, self.context_length - 1, self.output_size)
        steps = torch.zeros(batch_size, dtype=torch.int64, device=window.device)
        return AttentionState(window, window.clone(), steps)

    def step(self, x: Tensor, state: AttentionState) -> tuple[Tensor, AttentionState]:
        y, state = self._attend(x.unsqueeze(1), state, carried=self.context_length - 1)
        return y.squeeze(1), state

    def _sequence(self, x: Tensor, state: AttentionState) -> tuple[Tensor, AttentionState]:
        longest = int(state.steps.max()) if state.steps.numel() else 0
        return self._attend(x, state, carried=min(longest, self.context_length - 1))

    def _attend(self, x: Tensor, state: AttentionState, *, carried: int) -> tuple[Tensor, AttentionState]:
        """Attention of a chunk ``(B, T, D)`` over itself and the last ``carried`` steps of the window."""
        at = state.steps.unsqueeze(1) + torch.arange(x.shape[1], device=x.device)
        q, k, v = self._project(x, at)
        first = self.context_length - 1 - carried
        keys = torch.cat([self._split(state.keys[:, first:]).to(k.dtype), k], dim=1)
        values = torch.cat([self._split(state.values[:, first:]).to(v.dtype), v], dim=1)
        y = windowed_attention(q, keys, values, state.steps, self.context_length).flatten(2)
        if probe.is_recording():
            probe.record("attention", attention_weights(q, keys, state.steps, self.context_length))
        window = (append(state.keys, k.flatten(2)), append(state.values, v.flatten(2)))
        after = AttentionState(*window, state.steps + x.shape[1])
        return self.project_out(y), tree.cast_like(after, state)

    def _project(self, x: Tensor, at: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values ``(B, T, N, d)`` with their positions in them."""
        marked = self.positions.enter_input(x, at)
        q, k, v = (self._split(part) for part in self.project_in(marked).chunk(3, dim=-1))
        return self.positions.enter_heads(q, at), self.positions.enter_heads(k, at), v

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1))
