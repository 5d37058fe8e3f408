"""Causal multi-head self-attention on a window of the last steps.

Vaswani et al. 2017, section 3.2; the carried window as in Dai et al. 2019 (Transformer-XL), section 3.2, without
stopping gradients (cutting them is the trainer's):

    q_t, k_t, v_t = W_q x_t, W_k x_t, W_v x_t                                   split into N heads of width d
    y_t           = W_o sum_{s = t-C+1..t} softmax_s(q_t . k_s / sqrt(d)) v_s

Our C (``context_length``) is how many steps a query sees, its own included; full attention is a window as long as the
context. Our N is the paper's h, our d its d_k = d_v.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from statewise import probe
from statewise.contract import Segments, SequenceLayer, Vectors
from statewise.contract.segments import append
from statewise.layers.attention.positions import PositionKind, make_positions
from statewise.modules.linear import Linear
from statewise.ops.windowed_attention import windowed_attention


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
        positions: how it is known where a step stands, counted from the row's first. ``rotary``: queries and keys are
            turned, so that distances count; ``sinusoidal``: waves are added to the input; ``learned``: C trained
            vectors are added to the input, beyond the C-th step again from the first; ``alibi``: scores fall with the
            distance; ``none``.

    Raises:
        ValueError: if the heads do not divide the width, the head width is odd with rotary positions, or C < 1.

    A ``probe`` sees ``"attention"``: weights ``(B, T, N, C)`` of every step over the last C, its own the last of them.

    >>> y, state = SelfAttention(input_size=3, hidden_size=4, heads=2, context_length=5)(torch.randn(2, 7, 3))
    >>> y.shape, state.keys.shape
    (torch.Size([2, 7, 4]), torch.Size([2, 4, 4]))
    """

    state_knob = "context_length"

    def __init__(
        self,
        *,
        input_size: int,
        hidden_size: int,
        heads: int = 2,
        context_length: int = 256,
        positions: PositionKind = "rotary",
    ) -> None:
        super().__init__(Vectors(input_size), hidden_size)
        if heads < 1 or hidden_size % heads:
            raise ValueError(f"heads must divide the width, got {heads} heads and width {hidden_size}")
        if positions == "rotary" and hidden_size // heads % 2:
            raise ValueError(f"rotary positions need an even head width, got {hidden_size // heads}")
        if context_length < 1:
            raise ValueError(f"context_length must be at least 1, got {context_length}")
        self.heads = heads
        self.context_length = context_length
        self.positions = make_positions(positions, width=input_size, length=context_length, heads=heads)
        self.project_in = Linear(input_size, 3 * hidden_size, bias=False)
        self.project_out = Linear(hidden_size, hidden_size, bias=False)

    @classmethod
    def width_multiple(cls, options: Mapping[str, Any]) -> int:
        return options["heads"] * (2 if options["positions"] == "rotary" else 1)

    @classmethod
    def options_to_see(cls, context: int) -> dict[str, Any]:
        return {"context_length": context}

    def initial_state(self, batch_size: int) -> AttentionState:
        window = self.zeros(batch_size, self.context_length - 1, self.output_size)
        steps = torch.zeros(batch_size, dtype=torch.int64, device=window.device)
        return AttentionState(window, window.clone(), steps)

    def step(self, x: Tensor, state: AttentionState) -> tuple[Tensor, AttentionState]:
        q, k, v = (part.squeeze(1) for part in self._project(x.unsqueeze(1), state.steps.unsqueeze(1)))
        keys = torch.cat([state.keys, k.flatten(1).unsqueeze(1)], dim=1)
        values = torch.cat([state.values, v.flatten(1).unsqueeze(1)], dim=1)
        back = torch.arange(self.context_length - 1, -1, -1, device=x.device)
        seen = back <= state.steps.unsqueeze(1)
        scores = torch.einsum("bnd,bcnd->bnc", q, keys.unflatten(2, q.shape[1:])) / q.shape[-1] ** 0.5
        bias = self.positions.bias(self.context_length, scores)
        if bias is not None:
            scores = scores + bias.flip(1)
        weights = scores.masked_fill(~seen.unsqueeze(1), float("-inf")).softmax(dim=-1)
        probe.record(self, "attention", weights)
        y = torch.einsum("bnc,bcnd->bnd", weights, values.unflatten(2, q.shape[1:]))
        return self.project_out(y.flatten(1)), AttentionState(keys[:, 1:], values[:, 1:], state.steps + 1)

    def _segments(self, x: Tensor, state: AttentionState, segments: Segments | None) -> tuple[Tensor, AttentionState]:
        start, carried = self._where_it_stands(state.steps)
        seen = start.unsqueeze(1) if segments is None else -segments.begun(state.steps)
        q, k, v = self._project(x, seen + torch.arange(x.shape[1], device=x.device))
        keys, values = self._after_window(state.keys, k, carried), self._after_window(state.values, v, carried)
        bias = self.positions.bias(self.context_length, q)
        y = windowed_attention(q, keys, values, state.steps, self.context_length, bias, segments)
        after = AttentionState(
            append(state.keys, k.flatten(2), segments),
            append(state.values, v.flatten(2), segments),
            state.steps + x.shape[1] if segments is None else segments.counted(state.steps),
        )
        return self.project_out(y.flatten(2)), after

    def _where_it_stands(self, steps: Tensor) -> tuple[Tensor, int]:
        """The positions ``(B,)`` that a chunk starts at, or ``(1,)`` where rows share it; how much of the window holds.

        Where no value can be asked for, in ``torch.export`` and ``torch.func.vmap`` over states, it may hold all.
        """
        try:
            known = None if torch.compiler.is_exporting() else steps.tolist()
        except RuntimeError:
            known = None
        if known is None:
            return steps, self.context_length - 1
        return steps[:1] if len(set(known)) == 1 else steps, min(max(known, default=0), self.context_length - 1)

    def _project(self, x: Tensor, at: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values ``(B, T, N, d)`` with their positions in them."""
        heads = self.project_in(self.positions.enter_input(x, at)).unflatten(-1, (3 * self.heads, -1))
        placed, v = heads.split([2 * self.heads, self.heads], dim=2)
        q, k = self.positions.enter_heads(placed, at).chunk(2, dim=2)
        return q, k, v

    def _after_window(self, window: Tensor, new: Tensor, carried: int) -> Tensor:
        """The last ``carried`` steps of a window ``(B, C - 1, H)``, then ``new (B, T, N, d)``."""
        if carried == 0:
            return new
        held = window[:, window.shape[1] - carried :].unflatten(-1, (self.heads, -1))
        return torch.cat([held.to(new.dtype), new], dim=1)
