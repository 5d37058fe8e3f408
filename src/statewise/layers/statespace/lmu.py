"""Legendre memory unit: a fixed linear memory of a sliding window beside a small nonlinear recurrence.

Voelker, Kajic & Eliasmith (2019), "Legendre Memory Units: Continuous-Time Representation in Recurrent Neural Networks",
eq. 1, 2 and 4 to 7:

    u_t = e_x x_t + e_h h_{t-1} + e_m m_{t-1}               what is written, one number
    m_t = Abar m_{t-1} + Bbar u_t                           the last ``window`` steps of u, as Legendre polynomials
    h_t = tanh(W_x x_t + W_h h_{t-1} + W_m m_t),  y_t = h_t

Abar and Bbar are A and B of ``statewise.init.legendre``, divided by the window and held over one step; they are fixed.
Our window is the paper's theta in steps, our order its d, our width H its n. keras-lmu's ``memory_d`` memories side by
side are as many of these; what it leaves out by default, ``hidden_to_memory`` and ``memory_to_memory``, is here.
"""

import math
from types import MappingProxyType
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from statewise import probe
from statewise.autocast import unrounded
from statewise.contract import Segments, SequenceLayer, Stepper, Vectors
from statewise.init.legendre import legendre_delay, zero_order_hold
from statewise.layers.in_place_stepper import in_place_stepper
from statewise.layers.statespace.precision import upcast
from statewise.ops.in_place import InPlace, held
from statewise.ops.linear import linear
from statewise.ops.unroll import unroll


class LMUState(NamedTuple):
    """What a Legendre memory unit carries."""

    h: Tensor
    """``(B, H)``: the output of the step before"""
    m: Tensor
    """``(B, S)``: the window, S its order; at least float32"""


class LMU(SequenceLayer):
    """Legendre memory unit: ``m_t = Abar m_{t-1} + Bbar u_t``, ``h_t = tanh(W_x x_t + W_h h_{t-1} + W_m m_t)``.

    ``x (B, T, input_size) -> y (B, T, hidden_size)``. The memory stays in float32 under autocast and in half precision.

    Args:
        input_size: width of the input.
        hidden_size: H, width of the nonlinear state and the output.
        order: S, how many polynomials hold the window; what changes faster than about ``window / order`` steps is
            smoothed away.
        window: how many steps the memory reaches back, above 0 and no whole number of necessity.

    Raises:
        ValueError: if the order is below 1 or the window not above 0.

    >>> layer = LMU(input_size=3, hidden_size=4, order=6)
    >>> y, state = layer(torch.zeros(2, 5, 3))
    >>> y.shape, state.m.shape
    (torch.Size([2, 5, 4]), torch.Size([2, 6]))
    """

    recurrent_weights = MappingProxyType({"recurrent_map.weight": 1})
    state_knob = "order"
    transition: Tensor
    drive: Tensor

    def __init__(self, *, input_size: int, hidden_size: int, order: int = 16, window: float = 64.0) -> None:
        super().__init__(Vectors(input_size), output_size=hidden_size)
        if order < 1 or window <= 0:
            raise ValueError(f"the memory needs order >= 1 and window > 0, got {order} and {window}")
        self.order = order
        a, b = zero_order_hold(*legendre_delay(order), dt=1 / window)
        self.register_buffer("transition", a.to(torch.get_default_dtype()))
        self.register_buffer("drive", b.to(torch.get_default_dtype()))
        self.input_map = nn.Linear(input_size, 1 + hidden_size, bias=False)
        self.recurrent_map = nn.Linear(hidden_size, 1 + hidden_size, bias=False)
        self.memory_to_write = nn.Parameter(torch.zeros(order))
        self.memory_map = nn.Linear(order, hidden_size, bias=False)
        self._initialise()

    def _initialise(self) -> None:
        """The paper's: LeCun uniform for e_x and e_h, zero for e_m, Xavier normal for the matrices."""
        with torch.no_grad():
            for side in (self.input_map.weight, self.recurrent_map.weight, self.memory_map.weight):
                nn.init.xavier_normal_(side[-self.output_size :])
            for side in (self.input_map.weight, self.recurrent_map.weight):
                bound = math.sqrt(3 / max(1, side.shape[1]))
                nn.init.uniform_(side[:1], -bound, bound)

    def fixed_weights(self) -> int:
        return self.order * (self.order + 1)

    def initial_state(self, batch_size: int) -> LMUState:
        return LMUState(self.zeros(batch_size, self.output_size), upcast(self.zeros(batch_size, self.order)))

    def step(self, x: Tensor, state: LMUState) -> tuple[Tensor, LMUState]:
        written, driven = (self.input_map(x) + self.recurrent_map(state.h)).split([1, self.output_size], dim=1)
        with unrounded(x):
            u = upcast(written) + F.linear(state.m, upcast(self.memory_to_write).unsqueeze(0))
            m = F.linear(state.m, upcast(self.transition)) + u * upcast(self.drive)
        probe.record(self, "written", u)
        h = (driven + self.memory_map(m.to(x.dtype))).tanh()
        return h, LMUState(h, m)

    def _segments(self, x: Tensor, state: LMUState, segments: Segments | None) -> tuple[Tensor, LMUState]:
        """h and m side by side, s_t = [tanh(.), .] of one product M s_{t-1} + N x_t: the memory is linear."""
        with unrounded(x):
            recurrent, from_x = self._side_by_side()
            driven = linear(upcast(x), from_x)
        transposed, width = recurrent.T.contiguous(), self.output_size

        def following(driven: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
            a, m = torch.addmm(driven, s, transposed).tensor_split([width], dim=1)
            h = a.tanh()
            return h, torch.cat([h, m], dim=1)

        with unrounded(x):
            y, s = unroll(following, driven, torch.cat([upcast(state.h), state.m], dim=1), segments)
        h, m = s.split([width, self.order], dim=1)
        return y.to(x.dtype), LMUState(h.contiguous(), m.contiguous())

    def stepper(self, state: LMUState) -> Stepper:
        return in_place_stepper(self, state, self._in_place)

    def _in_place(self, stream: InPlace, state: LMUState) -> None:
        with unrounded(state.m):
            recurrent, from_x = self._side_by_side()
        widths = [self.output_size, self.order]
        s = held(torch.cat([state.h, state.m], dim=1))
        new = stream.affine(s, recurrent)
        stream.add_product(stream.x, from_x, new)
        stream.squash(new, self.output_size, s)
        stream.ready(s[:, : self.output_size], lambda: s.split(widths, dim=1))

    def _side_by_side(self) -> tuple[Tensor, Tensor]:
        """M ``(H + S, H + S)`` and N ``(H + S, D)``."""
        e_x, w_x = upcast(self.input_map.weight).split([1, self.output_size])
        e_h, w_h = upcast(self.recurrent_map.weight).split([1, self.output_size])
        w_m, drive = upcast(self.memory_map.weight), upcast(self.drive).unsqueeze(1)
        to_m = torch.cat([drive @ e_h, upcast(self.transition) + drive * upcast(self.memory_to_write)], dim=1)
        to_h = torch.cat([w_h, torch.zeros_like(w_m)], dim=1) + w_m @ to_m
        return torch.cat([to_h, to_m]), torch.cat([w_x + w_m @ drive @ e_x, drive @ e_x])
