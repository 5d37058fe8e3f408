"""Which waves have a period of 5 to 6 ms? A phased LSTM and an LSTM on irregular samples (Neil et al. 2016)."""

import math
from statistics import mean
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from reproduction.training import trained
from statewise.contract import Timed, Vectors
from statewise.models.config import ModelConfig
from statewise.tasks import Batch, Classification, GeneratedTask, Metric
from statewise.train.config import TrainConfig
from statewise.train.evaluation import evaluate

Clock = Literal["gate", "stamp", "elapsed"]
"""Where a model finds the time: beside its input, or in it as the time of the sample or since the sample before"""

SEEDS = (0, 1, 2)
PHASED = ModelConfig(
    layer="phased-lstm",
    width=110,
    depth=1,
    options={"shortest_period": math.e, "longest_period": math.e**3, "open_ratio": 0.05, "forget_bias": 0.0},
)
LSTM = ModelConfig(layer="lstm", width=110, depth=1, options={"forget_bias": 0.0})


class Arm(NamedTuple):
    """A model and how it is told the time."""

    model: ModelConfig
    clock: Clock


class Condition(NamedTuple):
    """How waves are sampled."""

    name: str
    resolution: float | None
    """Milliseconds between two samples; ``None`` = 15 to 125 samples at random times"""
    published: dict[str, str]
    """Mean and deviation of five seeds, in percent, by arm"""


NEW, OLD, OTHER = "phased LSTM", "LSTM, time of each sample", "LSTM, time since the sample before"
ARMS = {NEW: Arm(PHASED, "gate"), OLD: Arm(LSTM, "stamp"), OTHER: Arm(LSTM, "elapsed")}
IRREGULAR = Condition("at irregular times", None, {NEW: "97.9 +- 0.6", OLD: "69.0 +- 13.3"})
REGULAR = Condition("every 1 ms", 1.0, {NEW: "99.3 +- 0.2", OLD: "89.3 +- 18.9"})
MOST = 50 + 50 * math.log(6 / 5) / math.log(100)
"""Percent of waves with a period of 5 to 6 ms"""
TRAIN = TrainConfig(
    steps=1000, batch_size=32, learning_rate=1e-3, clip_at=10.0, schedule="constant", warmup=0, evaluate_every=333
)


class Frequencies(Classification, GeneratedTask):
    """Say whether a sampled sine has a period of 5 to 6 ms (Neil, Pfeiffer & Liu 2016, section 3.1).

    x(t) = sin(2 pi t / P - s) on a stretch of 15 to 125 ms inside 125 ms. Half of the waves have P uniform in [5, 6];
    the others log P uniform in log [1, 100], some of which fall into [5, 6] too. Asked at a row's last sample. The
    ``length`` of a row is the 125 ms in which it lies, so there is but one.

    Args:
        resolution: milliseconds between two samples; ``None`` = 15 to 125 samples at random times.
        clock: where a model finds the time; the samples alone are the values where it is ``gate``.
        evaluation_sequences: sequences in each of the validation and test splits.
    """

    name = "frequencies"
    description = "Say whether a sampled wave has a period of 5 to 6 ms"
    primary = Metric("accuracy", "fraction of waves", lower_is_better=False)

    def __init__(
        self, *, resolution: float | None = None, clock: Clock = "gate", evaluation_sequences: int = 2000
    ) -> None:
        size = 1 if clock == "gate" else 2
        super().__init__(Vectors(size), 2, shortest=125, longest=125, evaluation_sequences=evaluation_sequences)
        self.resolution = resolution
        self.clock = clock

    def draw(self, rows: int, length: int, generator: torch.Generator) -> Tensor:
        """Period, phase, duration, start and number of samples of each wave."""
        u = torch.rand(rows, 6, generator=generator)
        period = torch.where(u[:, 0] < 0.5, 5 + u[:, 1], 100 ** u[:, 1])
        duration = 15 + (length - 15) * u[:, 2]
        start = (length - duration) * u[:, 3]
        return torch.stack([period, duration * u[:, 4], duration, start, 15 + (length - 15) * u[:, 5]], dim=1)

    def lay_out(self, contents: Tensor, length: int, generator: torch.Generator) -> Batch:
        period, shift, duration, start, number = contents.unsqueeze(2).unbind(1)
        times, samples = self._times(duration, number, generator)
        there = torch.arange(times.shape[1]) < samples
        times = start + times
        values = torch.where(there, torch.sin(2 * math.pi * times / period - shift), 0.0)
        elapsed = torch.where(there, times.diff(dim=1, prepend=torch.zeros_like(start)), 0.0)
        parts = {"gate": [values], "stamp": [values, times * there], "elapsed": [values, elapsed]}[self.clock]
        inputs = Timed(torch.stack(parts, dim=2), elapsed)
        targets = ((period >= 5) & (period <= 6)).long()
        return Batch(inputs, targets, torch.ones(targets.shape), positions=samples - 1)

    def _times(self, duration: Tensor, number: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Times since the start ``(B, T)``, in order, and how many of them count ``(B, 1)``; the rest come later."""
        if self.resolution is None:
            samples = number.long()
            u = torch.rand(len(number), int(samples.max()), generator=generator)
            u = torch.where(torch.arange(u.shape[1]) < samples, u, 1.0)
            return duration * u.sort(dim=1).values, samples
        samples = (duration / self.resolution).ceil().long()
        return self.resolution * torch.arange(int(samples.max())).expand(len(duration), -1), samples


def run_irregular() -> dict[str, Any]:
    """Samples at random times."""
    return _compared(IRREGULAR)


def run_regular() -> dict[str, Any]:
    """A sample every millisecond, so that a sample's number is as good as its time."""
    return _compared(REGULAR)


def _compared(condition: Condition) -> dict[str, Any]:
    """Three seeds of each model."""
    rows: list[list[Any]] = []
    means = {}
    for name, arm in ARMS.items():
        task = Frequencies(resolution=condition.resolution, clock=arm.clock)
        built = [trained(task, arm.model, TRAIN, seed=seed)[0] for seed in SEEDS]
        scores = [100 * evaluate(model, task, "test", batch_size=100)["accuracy"] for model in built]
        means[name] = mean(scores)
        rows.append([name, condition.published.get(name, "-"), f"{means[name]:.1f}", *(f"{s:.1f}" for s in scores)])
    return {
        "title": f"Frequencies from samples {condition.name}: phased LSTM against LSTM",
        "protocol": "Has a sine a period of 5 to 6 ms, or another of 1 to 100 ms? Accuracy in percent at the last "
        f"sample, on 2,000 test waves. Width 110, {TRAIN.steps:,} updates of batch 32, Adam 1e-3, norm clipped at 10; "
        "clocks with periods from e to e^3 ms, 5 % open. So it is in the authors' program (Neil et al. 2016), but for "
        "the updates, 11,000 there; published are means and deviations of 5 seeds in their notebook. Their LSTM reads "
        "the time of each sample as it is, up to 125; the third model reads the time since the sample before instead, "
        "which is as much information.",
        "columns": ["model", "published", "mean", *(f"seed {seed}" for seed in SEEDS)],
        "rows": rows,
        "verdict": _verdict(means),
    }


def _verdict(means: dict[str, float]) -> str:
    """The published order, and what becomes of it where the LSTM is told the time in another way."""
    order = "the published order" if means[NEW] > means[OLD] else "not the published order"
    place = "above" if means[OTHER] > means[NEW] else "not above"
    return (
        f"{NEW} {means[NEW]:.1f}, {OLD} {means[OLD]:.1f}: {order}. But an LSTM that reads the time since the sample "
        f"before is {place} the phased one, at {means[OTHER]:.1f}. The same answer to all waves scores {MOST:.1f}."
    )
