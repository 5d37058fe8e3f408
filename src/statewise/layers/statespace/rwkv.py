"""RWKV: linear attention with a decay a channel that is made from the input, over tokens mixed with the one before.

Peng et al. (2024), "Eagle and Finch: RWKV with Matrix-Valued States and Dynamic Recurrence", arXiv 2404.05892, section
4.2: the time mixing of RWKV-6. For each of r, k, v, g and d, with p the input of the step before,

    m_t = x_t + (p_t - x_t) * (lambda + B tanh(A (x_t + (p_t - x_t) * mu)))          five lambda, A and B
    r_t, k_t, v_t, g_t = W_r m_t, W_k m_t, W_v m_t, W_g m_t                          each its own m
    w_t = exp(-exp(b_d + B_d tanh(A_d m_t)))                                         (H,)

and in each of N heads of K = H / N channels

    s_t = r_t^T (h_{t-1} + diag(u) k_t v_t^T)
    h_t = diag(w_t) h_{t-1} + k_t v_t^T
    y_t = W_o (layernorm(s_t) * silu(g_t))                                           normed in a head

Our ``h`` is the paper's wkv without its bonus u, ``s`` what is read of it. Its channel mixing is the feed-forward
that the catalog puts behind; where the authors' start depends on the depth of a layer, ours does not.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from statewise import probe
from statewise.contract import Segments, SequenceLayer, Stepper, Vectors
from statewise.layers.in_place_stepper import in_place_stepper
from statewise.layers.statespace.matrix_state import read, write
from statewise.layers.statespace.precision import upcast
from statewise.modules.linear import Linear
from statewise.ops.in_place import InPlace, held
from statewise.ops.matrix_in_place import decay_of_exponential, normed_by_head, read_and_write
from statewise.ops.matrix_recurrence import matrix_recurrence

EPS = 64e-5
"""Of the norm, as in the authors' code"""


class RWKVState(NamedTuple):
    """What an RWKV layer carries."""

    last: Tensor
    """``(B, D)``: the input of the step before, in the dtype of the parameters."""
    h: Tensor
    """``(B, N, K, K)``, at least float32."""


class Mixed(NamedTuple):
    """What a step is made of; all but the gate at least float32."""

    r: Tensor
    """``(..., N, K)``, what is asked for, as ``k`` and ``v`` of what is written."""
    k: Tensor
    v: Tensor
    log_w: Tensor
    """``(..., N, K)``: the logarithm of how much each key channel keeps."""
    gate: Tensor
    """``(..., H)``."""


class RWKV(SequenceLayer):
    """Time mixing of RWKV-6: ``h_t = diag(w_t) h_{t-1} + k_t v_t^T``, read before it is written, with a bonus.

    ``x (B, T, input_size) -> y (B, T, hidden_size)``. The recurrence and its state stay in float32 under autocast
    and in half precision.

    Args:
        input_size: D, width of the input.
        hidden_size: H, width of keys, values and output.
        heads: N, which divides H. The authors take heads of 64 channels.
        mix_rank: rows of each A. The authors take 32.
        decay_rank: rows of A_d. The authors take 64.
        slowest_decay: the least b_d at the start; a channel remembers for about ``exp(-b_d)`` steps.
        fastest_decay: the greatest one; the channels are spread between them evenly.

    Raises:
        ValueError: if a size is not positive or the heads do not divide H.

    A ``probe`` sees ``"keep_gate"`` w, ``(B, T, N, K)``.

    >>> layer = RWKV(input_size=3, hidden_size=4)
    >>> y, state = layer(torch.zeros(2, 5, 3))
    >>> y.shape, state.last.shape, state.h.shape
    (torch.Size([2, 5, 4]), torch.Size([2, 3]), torch.Size([2, 2, 2, 2]))
    """

    undecayed = ("decay_bias", "bonus", "mix_base", "mix")

    def __init__(
        self,
        *,
        input_size: int,
        hidden_size: int,
        heads: int = 2,
        mix_rank: int = 8,
        decay_rank: int = 16,
        slowest_decay: float = -6.0,
        fastest_decay: float = -1.0,
    ) -> None:
        super().__init__(Vectors(input_size), output_size=hidden_size)
        if min(heads, mix_rank, decay_rank) < 1:
            raise ValueError(
                f"heads, mix_rank and decay_rank must be at least 1, got {heads}, {mix_rank} and {decay_rank}"
            )
        if hidden_size % heads:
            raise ValueError(f"heads must divide the width, got {heads} heads and width {hidden_size}")
        self.heads = heads
        self.mix_base = nn.Parameter(1 - torch.arange(input_size) / input_size)
        self.mix = nn.Parameter((1 - torch.arange(input_size) / input_size).repeat(5, 1))
        self.mix_down = Linear(input_size, 5 * mix_rank, bias=False)
        self.mix_up = nn.Parameter(torch.empty(5, mix_rank, input_size).uniform_(-0.01, 0.01))
        self.receptance, self.key, self.value, self.gate = (
            Linear(input_size, hidden_size, bias=False) for _ in range(4)
        )
        self.decay_bias = nn.Parameter(torch.linspace(slowest_decay, fastest_decay, hidden_size))
        self.decay_down = Linear(input_size, decay_rank, bias=False)
        self.decay_up = Linear(decay_rank, hidden_size, bias=False)
        self.bonus = nn.Parameter(torch.full((heads, hidden_size // heads), 0.5))
        self.norm_weight = nn.Parameter(torch.ones(hidden_size))
        self.norm_bias = nn.Parameter(torch.zeros(hidden_size))
        self.output = Linear(hidden_size, hidden_size, bias=False)
        nn.init.zeros_(self.mix_down.weight)
        nn.init.zeros_(self.decay_down.weight)
        nn.init.uniform_(self.decay_up.weight, -0.01, 0.01)

    @classmethod
    def width_multiple(cls, options: Mapping[str, Any]) -> int:
        return options["heads"]

    def initial_state(self, batch_size: int) -> RWKVState:
        width = self.output_size // self.heads
        last = self.zeros(batch_size, self.mix.shape[1])
        return RWKVState(last, upcast(self.zeros(batch_size, self.heads, width, width)))

    def step(self, x: Tensor, state: RWKVState) -> tuple[Tensor, RWKVState]:
        mixed = self._mixed(x, state.last)
        keep = mixed.log_w.exp()
        probe.record(self, "keep_gate", keep)
        y = self._output(read(state.h, mixed.r), mixed)
        return y, RWKVState(x, write(state.h, keep, mixed.k, mixed.v))

    def _segments(self, x: Tensor, state: RWKVState, segments: Segments | None) -> tuple[Tensor, RWKVState]:
        """What a step reads is what the step before wrote: all but r goes along one step late."""
        x_before = torch.cat([state.last.to(x.dtype).unsqueeze(1), x[:, :-1]], dim=1)
        mixed = self._mixed(x, x_before if segments is None else segments.fill(x_before))
        k, v, log_w = (F.pad(part[:, :-1], (0, 0, 0, 0, 1, 0)) for part in (mixed.k, mixed.v, mixed.log_w))
        if segments is not None:
            k, v, log_w = (segments.fill(part) for part in (k, v, log_w))
        s, before = matrix_recurrence(mixed.r, k, v, log_w, state.h, segments)
        h = write(before, mixed.log_w[:, -1].exp(), mixed.k[:, -1], mixed.v[:, -1])
        return self._output(s, mixed), RWKVState(x[:, -1].clone(), h)

    def stepper(self, state: RWKVState) -> Stepper:
        return in_place_stepper(self, state, self._in_place)

    def _in_place(self, stream: InPlace, state: RWKVState) -> None:
        x = stream.x
        window = stream.window(x, state.last.unsqueeze(1))
        between = partial(stream.between, x, window[:, 0])
        base, shares = between(held(self.mix_base).expand_as(x)), []
        for down, up, bias in zip(self.mix_down.weight.chunk(5), self.mix_up, self.mix, strict=True):
            shares.append(stream.affine(stream.tanh(stream.affine(base, down)), up.t(), bias))
        r, k, v, g, d = map(between, shares)
        low = stream.tanh(stream.affine(d, self.decay_down.weight))
        keep = decay_of_exponential(stream, stream.affine(low, self.decay_up.weight, self.decay_bias))
        maps = (r, self.receptance), (k, self.key), (v, self.value), (g, self.gate)
        r, k, v, g = (stream.affine(part, linear.weight) for part, linear in maps)
        r, k, v, keep = (part.unflatten(1, (self.heads, -1)) for part in (r, k, v, keep))
        s, h = read_and_write(stream, r, k, v, keep, self.bonus, state.h)
        gain, shift = (part.unflatten(0, (self.heads, -1)) for part in (self.norm_weight, self.norm_bias))
        read = stream.times(normed_by_head(stream, s, gain, shift, EPS).flatten(1), stream.gated(g, g))
        stream.ready(stream.affine(read, self.output.weight), lambda: [window[:, 1], h])

    def _mixed(self, x: Tensor, before: Tensor) -> Mixed:
        """From inputs ``(..., D)`` and those one step before."""
        back = before.to(x.dtype) - x
        low = torch.tanh(self.mix_down(x + back * self.mix_base)).unflatten(-1, (5, -1))
        share = self.mix + torch.einsum("...fr,frd->...fd", low, self.mix_up)
        r, k, v, g, d = (x.unsqueeze(-2) + back.unsqueeze(-2) * share).to(x.dtype).unbind(-2)
        log_w = -(upcast(self.decay_bias) + upcast(self.decay_up(torch.tanh(self.decay_down(d))))).exp()
        parts = (self.receptance(r), self.key(k), self.value(v), log_w)
        r, k, v, log_w = (upcast(part).unflatten(-1, (self.heads, -1)) for part in parts)
        return Mixed(r, k, v, log_w, self.gate(g))

    def _output(self, s: Tensor, mixed: Mixed) -> Tensor:
        """From what the state says, ``(..., N, K)``: the bonus, the norm, the gate; ``(..., H)``."""
        s = s + (mixed.r * (upcast(self.bonus) * mixed.k)).sum(-1, keepdim=True) * mixed.v
        normed = F.layer_norm(s, s.shape[-1:], eps=EPS).flatten(-2)
        affine = normed * upcast(self.norm_weight) + upcast(self.norm_bias)
        return self.output(affine.to(mixed.gate.dtype) * F.silu(mixed.gate))
