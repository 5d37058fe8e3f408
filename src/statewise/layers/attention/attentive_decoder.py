"""Recurrent decoder that looks at its source with additive attention.

Bahdanau, Cho & Bengio 2015, arXiv 1409.0473, appendix A.1.2 and A.2.2. With m_j the encoded source, at every step:

    e_j = v . tanh(W s_{t-1} + U m_j)            how well source position j fits what was said so far
    a   = softmax of e over the source           which sums to 0 over an empty source
    c_t = sum of a_j m_j                         the context
    s_t = cell([x_t ; c_t], s_{t-1})
    y_t = [s_t ; c_t]                            what the paper's readout reads (its t_i), beside x_t

Our x_t, s_t, m_j, a_j are the paper's E y_{i-1}, s_i, h_j, alpha_ij; W, U, v its W_a, U_a, v_a. The paper's cell is
the GRU with the reset gate before the matrix. Its s_0 = tanh(W_s h_1) is not here: the cell starts in its own initial
state, whatever that is. Keys U m_j are projected once, at the start.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from statewise import probe
from statewise.contract import Decoder, Input, LayerFactory, Vectors, values_of, with_values
from statewise.modules.linear import Linear
from statewise.tree import State


class AttentiveDecoderState(NamedTuple):
    """The encoded source, and where the cell stands."""

    memory: Tensor
    """(B, S, D_m): the source, zero beyond its length"""
    keys: Tensor
    """(B, S, A): the source as attention compares it"""
    lengths: Tensor
    """(B,) int64: how long each source is"""
    s: Tensor
    """(B, H): the cell's last output"""
    cell: State
    """The cell's own state"""


class AttentiveDecoder(Decoder):
    """s_t = cell([x_t ; c_t], s_{t-1}), c_t the attention of s_{t-1} over the source, y_t = [s_t ; c_t].

    Args:
        input_size: D.
        hidden_size: H, width of the cell; the output is D_m wider.
        memory_size: D_m, width of the encoded source.
        attention_size: A, width in which queries and keys are compared.
        cell: makes the layer that reads [x ; c] and puts out s: a layer's class, or a ``functools.partial`` of one.

    While a recorder is open, ``probe`` gets ``"attention"``, the weights ``(B, S)`` of each step.

    >>> from statewise.layers.recurrent.gru import GRU
    >>> decoder = AttentiveDecoder(input_size=3, hidden_size=4, memory_size=6, attention_size=5, cell=GRU)
    >>> state = decoder.start(torch.randn(2, 8, 6), torch.tensor([8, 5]))
    >>> y, state = decoder(torch.randn(2, 7, 3), state)
    >>> y.shape
    torch.Size([2, 7, 10])
    """

    def __init__(
        self, *, input_size: int, hidden_size: int, memory_size: int, attention_size: int, cell: LayerFactory
    ) -> None:
        super().__init__(Vectors(input_size), hidden_size + memory_size, memory_size)
        self.cell = cell(input_size=input_size + memory_size, hidden_size=hidden_size)
        self.reads_time = self.cell.reads_time
        self.project_query = nn.Linear(hidden_size, attention_size, bias=False)
        self.project_memory = Linear(memory_size, attention_size, bias=False)
        self.score = nn.Linear(attention_size, 1, bias=False)

    def _start(self, memory: Tensor, lengths: Tensor) -> AttentiveDecoderState:
        s = memory.new_zeros(memory.shape[0], self.cell.output_size)
        return AttentiveDecoderState(
            memory, self.project_memory(memory), lengths, s, self.cell.initial_state(memory.shape[0])
        )

    def step(self, x: Input, state: AttentiveDecoderState) -> tuple[Tensor, AttentiveDecoderState]:
        query = self.project_query(state.s).unsqueeze(1)
        weights = softmax_within(self.score((query + state.keys).tanh()).squeeze(2), state.lengths)
        probe.record(self, "attention", weights)
        context = (weights.unsqueeze(1) @ state.memory).squeeze(1)
        seen = torch.cat([values_of(x), context], dim=1)
        s, cell = self.cell.step(with_values(x, seen), state.cell)
        return torch.cat([s, context.to(s.dtype)], dim=1), state._replace(s=s, cell=cell)


def softmax_within(scores: Tensor, lengths: Tensor) -> Tensor:
    """The softmax of each row of ``scores (B, S)`` over its first ``lengths (B,)`` places; 0 elsewhere, also for none.

    >>> softmax_within(torch.zeros(3, 2), torch.tensor([2, 1, 0])).tolist()
    [[0.5, 0.5], [1.0, 0.0], [0.0, 0.0]]
    """
    within = torch.arange(scores.shape[1], device=scores.device) < lengths.unsqueeze(1)
    weights = scores.masked_fill(~within, torch.finfo(scores.dtype).min).softmax(dim=1)
    return weights.masked_fill(~within, 0.0)
