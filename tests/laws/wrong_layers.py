"""Recurrent layers that are wrong on purpose, most of them in ways met in published libraries. ``Right`` is right."""

from typing import Any

import torch
from torch import Tensor, nn

from statewise import tree
from statewise.contract import SequenceLayer, Vectors


class Right(SequenceLayer):
    """h_t = a h_{t-1} + tanh(W x_t + b), y_t = U h_t, with a learned h_0 and a count of the steps: keeps every law."""

    def __init__(self) -> None:
        super().__init__(Vectors(3), output_size=4)
        generator = torch.Generator().manual_seed(0)
        self.weight = nn.Parameter(torch.randn(6, 3, generator=generator))
        self.bias = nn.Parameter(torch.randn(6, generator=generator))
        self.decay = nn.Parameter(torch.rand(6, generator=generator))
        self.start = nn.Parameter(torch.randn(6, generator=generator))
        self.readout = nn.Parameter(torch.randn(4, 6, generator=generator))

    def initial_state(self, batch_size: int) -> Any:
        count = torch.zeros(batch_size, dtype=torch.int64, device=self.device)
        return {"h": self.start.expand(batch_size, -1), "count": count}

    def step(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        h = self.decay * state["h"] + self.drive(x)
        return h @ self.readout.T, {"h": h, "count": state["count"] + 1}

    def drive(self, x: Tensor) -> Tensor:
        return torch.tanh(x @ self.weight.T + self.bias)


# Form


class TimeFirstState(Right):
    """The state as torch.nn.LSTM has it, layers on axis 0."""

    def initial_state(self, batch_size: int) -> Any:
        state = super().initial_state(batch_size)
        return {**state, "h": state["h"].unsqueeze(0)}


class OneCountForAllRows(Right):
    """fla's cache counts the tokens it has seen once for the whole batch."""

    def initial_state(self, batch_size: int) -> Any:
        return {**super().initial_state(batch_size), "count": torch.tensor(0)}


class StateInTheDefaultDtype(Right):
    """torch.zeros in place of self.zeros: the layer moves, its state does not."""

    def initial_state(self, batch_size: int) -> Any:
        return {**super().initial_state(batch_size), "h": torch.zeros(batch_size, 6)}


class StateOnTheDefaultDevice(Right):
    def initial_state(self, batch_size: int) -> Any:
        return {**super().initial_state(batch_size), "count": torch.zeros(batch_size, dtype=torch.int64)}


class CountBecomesReal(Right):
    def step(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        y, after = super().step(x, state)
        return y, {**after, "count": state["count"] + 1.0}


class StateRoundedOnTheWay(Right):
    """Single precision in the midst of a float64 layer; the base class gives the state its dtype, not its digits."""

    def step(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        y, after = super().step(x, state)
        return y, {**after, "h": after["h"].float()}


class OutputKeepsTheTimeAxis(Right):
    def step(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        y, after = super().step(x, state)
        return y.unsqueeze(1), after


# Memory outside the state


class StateOnTheModule(Right):
    """keras ``stateful=True``, reservoirpy ``run``: two calls, two answers."""

    remembered: Tensor | None = None

    def step(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        h = state["h"] if self.remembered is None else state["h"] + self.remembered.mean()
        self.remembered = h.detach()
        return super().step(x, {**state, "h": h})


class StateChangedInPlace(Right):
    """mamba's cache is written in place."""

    def step(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        y, after = super().step(x, state)
        with torch.no_grad():
            state["h"].copy_(after["h"])
        return y, after

    def initial_state(self, batch_size: int) -> Any:
        return tree.map(lambda leaf: leaf.detach().clone(), super().initial_state(batch_size))


class RunningStatistics(Right):
    """Batch normalisation keeps a running mean: each call in train mode changes the next."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(3))

    def step(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * x.detach().mean(0)
        return super().step(x - self.mean, state)


class NoiseFromNowhere(Right):
    """torch's own dropout: what falls out is no function of the state."""

    def step(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        return super().step(nn.functional.dropout(x, 0.5, self.training), state)


# Rows that see each other


class BranchOverTheBatch(Right):
    """flashrnn's vanilla sLSTM asks whether all rows are fresh."""

    def step(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        if bool(torch.all(state["count"] == 0)):
            return super().step(2 * x, state)
        return super().step(x, state)


class NormalisedOverTheBatch(Right):
    def drive(self, x: Tensor) -> Tensor:
        return super().drive(x - x.mean(0, keepdim=True))


class CountOfTheFirstRow(Right):
    def step(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        return super().step(x / (1 + state["count"][0]), state)


class SqueezedBatch(Right):
    """ncps squeezes its time spans: with B equal to the number of units the two axes mix, with B = 1 one is lost."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(5, 3, generator=torch.Generator().manual_seed(0)))
        for name in ("bias", "decay", "start"):
            setattr(self, name, nn.Parameter(getattr(self, name).detach()[:5].clone()))
        self.readout = nn.Parameter(self.readout.detach()[:, :5].clone())

    def step(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        return super().step(x, {**state, "h": state["h"] * torch.sigmoid(x[:, :1].squeeze())})


class NaNThroughAMask(Right):
    """Mixing rows by a matrix of zeros and ones: 0 * NaN is NaN."""

    def step(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        return super().step(torch.eye(len(x), dtype=x.dtype) @ x, state)


# Time


class IgnoresTheInputOfNow(Right):
    def step(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        y = state["h"] @ self.readout.T
        return y, super().step(x, state)[1]


# Parameters and derivatives


class ShadowParameters(Right):
    """ncps's LTC reads its weights from a dict beside the registered ones."""

    def __init__(self) -> None:
        super().__init__()
        self.shadow = {"bias": self.bias}

    def drive(self, x: Tensor) -> Tensor:
        return torch.tanh(x @ self.weight.T + self.shadow["bias"])


class BufferLeftOutOfTheFile(Right):
    """Fixed values that are not saved: the loaded layer has others."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mask", torch.tensor([1.0, 2.0, 3.0]), persistent=False)

    def drive(self, x: Tensor) -> Tensor:
        return super().drive(x * self.mask)


class ParameterNeverReached(Right):
    def __init__(self) -> None:
        super().__init__()
        self.forgotten = nn.Parameter(torch.ones(2))


class InitialStateCut(Right):
    def initial_state(self, batch_size: int) -> Any:
        return tree.detach(super().initial_state(batch_size))


class WeightCutOnOnePath(Right):
    """A tied weight through which only one of its two uses is learned."""

    def drive(self, x: Tensor) -> Tensor:
        return super().drive(x) * torch.sigmoid(self.bias.detach())


# Precision and export


class OverflowsInSinglePrecision(Right):
    """log(1 + exp(x)) as it is written: float64 carries it, float32 does not."""

    def drive(self, x: Tensor) -> Tensor:
        return torch.log(1 + torch.exp(60 * super().drive(x)) ** 2) / 60


class CountsInBrainFloats(Right):
    """A clock in the layer's own dtype: bfloat16 holds whole numbers up to 256."""

    def step(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        clock = (state["count"].to(x.dtype) + 1000).unsqueeze(1)
        y, after = super().step(x, state)
        return y + 10 * torch.cos(clock), after


class BranchOnData(Right):
    def step(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        if bool(x.detach().abs().max() > 1e9):
            x = x.clamp(-1e9, 1e9)
        return super().step(x, state)
