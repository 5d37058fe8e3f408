"""Fast paths and windows that are wrong on purpose. ``RightConvolution`` is right."""

from typing import Any

import torch
from torch import Tensor, nn

from statewise import probe, tree
from statewise.contract import Segments, SequenceLayer, Vectors
from statewise.ops.noise import uniform

from .wrong_layers import Right

KERNEL = 3


class RightConvolution(SequenceLayer):
    """y_t = sum_k w_k * x_{t-k}, the last two inputs in the state; one convolution for a sequence: keeps every law."""

    def __init__(self) -> None:
        super().__init__(Vectors(3), output_size=3)
        self.kernel = nn.Parameter(torch.randn(KERNEL, 3, generator=torch.Generator().manual_seed(0)))

    def initial_state(self, batch_size: int) -> Tensor:
        return self.zeros(batch_size, KERNEL - 1, 3)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        window = torch.cat([state, x.unsqueeze(1)], dim=1)
        return (window * self.kernel).sum(1), tree.cast_like(window[:, 1:], state)

    def _sequence(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        longer = torch.cat([state, x], dim=1)
        return self.convolve(longer), tree.cast_like(longer[:, x.shape[1] :], state)

    def convolve(self, longer: Tensor) -> Tensor:
        return (longer.unfold(1, KERNEL, 1) * self.kernel.T).sum(3)


# Form


class StateGrows(RightConvolution):
    """A cache without an end."""

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        y, _ = super().step(x, state[:, -2:])
        return y, torch.cat([state, x.unsqueeze(1)], dim=1)


class StateBecomesATuple(Right):
    """xlstm's step returns another kind of state than its forward."""

    def _sequence(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        y, after = super()._sequence(x, state)
        return y, (after["h"], after["count"])


class InputChangedInPlace(Right):
    def _sequence(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        return super()._sequence(x.mul_(0.5), state)


# Time


class ConvolutionLooksAhead(RightConvolution):
    """Padding off by one."""

    def convolve(self, longer: Tensor) -> Tensor:
        shifted = torch.cat([longer[:, 1:], torch.zeros_like(longer[:, :1])], dim=1)
        return super().convolve(shifted)


class NormalisedOverTime(RightConvolution):
    def _sequence(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        return super()._sequence(x - x.mean(1, keepdim=True), state)


# A fast path that is something else


class FastPathForgetsTheState(RightConvolution):
    """S4's convolution from zeros: right at the start of a sequence and nowhere else."""

    def _sequence(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        return super()._sequence(x, torch.zeros_like(state))


class FastPathForgetsTheBias(Right):
    def _sequence(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        outputs = []
        for x_t in x.unbind(1):
            h = self.decay * state["h"] + torch.tanh(x_t @ self.weight.T)
            outputs.append(h @ self.readout.T)
            state = {"h": tree.cast_like(h, state["h"]), "count": state["count"] + 1}
        return torch.stack(outputs, 1), state


class StateOfTheStepBefore(Right):
    def _sequence(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        y, _ = super()._sequence(x, state)
        before = super()._sequence(x[:, :-1], state)[1] if x.shape[1] > 1 else state
        return y, before


class CountsOneCall(Right):
    def _sequence(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        y, after = super()._sequence(x, state)
        return y, {**after, "count": state["count"] + 1}


class FastPathCutsTheGraph(Right):
    """Truncation where nobody asked for it: gradients end at the chunk's edge."""

    def _sequence(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        return super()._sequence(x, tree.detach(state))


class RecordsUnitsFirst(Right):
    def step(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        y, after = super().step(x, state)
        probe.record(self, "h", after["h"].T)
        return y, after


class RecordsTwiceAStep(Right):
    """Before and after, under one name."""

    def step(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        y, after = super().step(x, state)
        probe.record(self, "h", state["h"])
        probe.record(self, "h", after["h"])
        return y, after


class RecordsTheMeanOverRows(Right):
    def step(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        y, after = super().step(x, state)
        probe.record(self, "size", after["h"].abs().mean())
        return y, after


class LookedAtIsAnother(Right):
    """A step of less precision, left for a slower one while somebody looks."""

    def step(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        y, after = super().step(x, state)
        return (y + 1e-6 if probe.is_recording() else y), after


class TailDropped(RightConvolution):
    """A chunk shorter than the kernel forgets the inputs before it."""

    def _sequence(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        y, after = super()._sequence(x, state)
        if x.shape[1] < KERNEL - 1:
            after = torch.cat([torch.zeros_like(state[:, x.shape[1] :]), x], dim=1)
        return y, tree.cast_like(after, state)


class AnotherFormulaForShortChunks(Right):
    """fla calls another kernel for 64 steps and fewer."""

    def _sequence(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        return super()._sequence(x * 1.001 if x.shape[1] < 4 else x, state)


class NoiseCountsWithinTheCall(Right):
    """Noise by the step within the chunk: each chunk starts its noise anew."""

    def initial_state(self, batch_size: int) -> Any:
        return {**super().initial_state(batch_size), "seed": self.noise_seeds(batch_size)}

    def step(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        return self._noisy(x, state, state["count"])

    def _sequence(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        outputs = []
        for place, x_t in enumerate(x.unbind(1)):
            y, state = self._noisy(x_t, state, torch.full_like(state["count"], place))
            outputs.append(y)
        return torch.stack(outputs, 1), state

    def _noisy(self, x: Tensor, state: Any, step: Tensor) -> tuple[Tensor, Any]:
        noise = uniform(state["seed"], step, 3, x.dtype) if self.training else 0.0
        y, after = super().step(x + noise, {name: state[name] for name in ("h", "count")})
        return y, {**after, "seed": state["seed"]}


class ResetByAProduct(Right):
    """A fast path of its own for resets, in which an emptied state is zero times the old one."""

    def _segments(self, x: Tensor, state: Any, segments: Segments | None) -> tuple[Tensor, Any]:
        if segments is None:
            return super()._segments(x, state, None)
        h, states = state["h"], []
        for x_t, anew in zip(x.unbind(1), self.begun(segments).to(x.dtype).unsqueeze(2).unbind(1), strict=True):
            h = self.decay * ((1 - anew) * h + anew * self.start) + self.drive(x_t)
            states.append(h)
        y = torch.stack(states, 1)
        return y @ self.readout.T, {"h": h, "count": segments.counted(state["count"])}

    def begun(self, segments: Segments) -> Tensor:
        return segments.anew


class ResetOneStepLate(ResetByAProduct):
    def begun(self, segments: Segments) -> Tensor:
        return segments.anew.roll(1, dims=1)


class RecurrenceCut(RightConvolution):
    """Gradients that end at every step."""

    _sequence = SequenceLayer._sequence

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        return super().step(x, state.detach())
