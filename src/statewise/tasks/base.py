"""What a task is: where its batches come from, what counts as right, and what would be no skill at all.

A task is a pure function of numbers: batch k of the training stream depends on the task, the seed and k alone, so that
a run resumes without remembering where a sampler stood. Letters: B rows, T time steps, Q read-out positions.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

from torch import Tensor

from statewise import tree
from statewise.contract import Input, InputForm, values_of

Split = Literal["valid", "test"]
Verb = Literal["evaluate", "generate", "forecast"]


class Batch(NamedTuple):
    """One batch. Everything a model may see is ``inputs``; the rest says what is asked of it."""

    inputs: Input
    """(B, T) int64 tokens or (B, T, D) real vectors, or ``Timed`` of either"""
    targets: Tensor
    """(B, Q, ...): what is right at the read-out positions; Q = T where ``positions`` is None"""
    weights: Tensor
    """(B, Q) float: 1 where a position counts, 0 where it does not"""
    starts: Tensor | None = None
    """(B,) bool: rows that begin a new sequence; None = all do. The other rows continue those of the batch before."""
    positions: Tensor | None = None
    """(B, Q) int64: the time steps that are read out; None = all of them"""

    @property
    def values(self) -> Tensor:
        """The inputs without their time stamps."""
        return values_of(self.inputs)

    @property
    def shape(self) -> tuple[int, int]:
        """(B, T)"""
        return self.values.shape[0], self.values.shape[1]

    def rows(self, first: int, last: int) -> "Batch":
        """The rows from ``first`` up to, without, ``last``."""
        return Batch(
            tree.map(lambda leaf: leaf[first:last], self.inputs),
            self.targets[first:last],
            self.weights[first:last],
            None if self.starts is None else self.starts[first:last],
            None if self.positions is None else self.positions[first:last],
        )


class Scores(NamedTuple):
    """Sums over positions, so that scores of batches of any size add up exactly."""

    sums: Mapping[str, float]
    """Name of a metric -> its sum over what it is averaged over"""
    counts: Mapping[str, float]
    """Name of a metric -> how much it is averaged over"""


@dataclass(frozen=True)
class Metric:
    """How a score reads. A perfect one is 0 where lower is better, 1 where higher is."""

    name: str
    unit: str
    lower_is_better: bool

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest a score can be."""
        return (0.0, math.inf) if self.lower_is_better else (0.0, 1.0)


class Task(ABC):
    """Something to be learnt. Subclass it, or what follows from it, to bring your own; ``tasks.check`` tries it.

    ``GeneratedTask`` makes sequences from a seeded generator; ``ClassificationTask`` and ``RegressionTask`` bring loss
    and scores. The constructor's keyword-only arguments are the task's options; they and their defaults are plain data.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    """One sentence for a person: what comes in, what is asked."""
    primary: ClassVar[Metric]
    """The score that decides, chosen before anything is run; always among the names that ``scores`` returns."""
    bimodal: bool = False
    """Whether runs either solve the task or do not, so that the fraction solved says more than the mean."""
    solved_at: float | None = None
    """The primary score at which a run counts as having solved the task."""

    margin: float = 0.0
    """The smallest difference that counts, in units of the primary score, or, of a bimodal task, of the fraction of
    seeds that solve it; a comparison may say another"""
    regression: ClassVar[bool] = False
    """Whether outputs are compared with real targets by squared error, which a closed-form readout can minimise"""
    verb: ClassVar[Verb] = "evaluate"
    """What a finished run of it is for, the command that a person is told to type next. ``generate``: inputs are
    tokens, outputs logits of the next one, and ``preprocessing`` says the ``vocabulary``"""
    files: ClassVar[tuple[str, ...]] = ()
    """Options that are paths of files, which a run writes down whole, so that it can be used from any folder"""
    companions: ClassVar[tuple[str, ...]] = ()
    """Simple models, by name, that every comparison trains along, for the others to be held against"""

    input_form: InputForm
    output_size: int
    train_lengths: tuple[int, int] | None = None
    """Shortest and longest training sequence; None where sequences are endless streams."""

    @abstractmethod
    def train_batch(self, index: int, *, batch_size: int, seed: int) -> Batch:
        """Batch ``index`` of the training stream that ``seed`` names."""

    @abstractmethod
    def evaluation(self, split: Split, *, batch_size: int, length: int | None = None) -> Iterator[Batch]:
        """The fixed batches of a split, the same on every call.

        Args:
            split: ``valid`` chooses, ``test`` is looked at once.
            batch_size: rows a batch; a task of streams may return fewer.
            length: sequences of this length where the task has a length (see ``train_lengths``); None = as in training.
        """

    @abstractmethod
    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        """The summed training loss of ``outputs (B, Q, output_size)``; the trainer divides it by ``weights.sum()``."""

    @abstractmethod
    def scores(self, outputs: Tensor, batch: Batch) -> Scores:
        """Every metric of the task on one batch, the primary one among them."""

    @property
    def notes(self) -> Sequence[str]:
        """What a person should know before believing scores: what was guessed about the data, what splits share."""
        return ()

    def chance(self) -> float | None:
        """The primary score of the best answer that does not look at the input, in closed form where there is one."""
        return None

    def blind(self, batch: Batch) -> Tensor | None:
        """``outputs (B, Q, output_size)`` that score ``chance``: the best answer that does not look at the input.

        Only shapes and positions of ``batch`` may be used. None where nobody knows it.
        """
        return None

    def oracle(self, batch: Batch) -> Tensor | None:
        """Perfect ``outputs (B, Q, output_size)`` worked out from the inputs alone; None where nobody knows them."""
        return None

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Simple rules that need no training: name -> their metrics on the test split."""
        return {}

    def longest_context(self) -> int | None:
        """How many time steps, its own among them, a model of bounded sight is given to see at each position.

        The longest training sequence; where sequences are endless streams, the time steps of a training batch, which
        is how far back any gradient reaches, although a carried state may hold more. None where there is no bound.
        """
        return self.train_lengths[1] if self.train_lengths else None

    def splits_share(self, length: int) -> bool:
        """Whether splits may hold the same sequences of this length, there being too few different ones."""
        return False

    def chance_at(self, length: int) -> float | None:
        """``chance`` for sequences of this length."""
        return self.chance()

    def example(self, outputs: Tensor, batch: Batch) -> tuple[str, str, str] | None:
        """The first row for a person to read: what came in, what was asked, what the model said; None shows none."""
        return None

    def preprocessing(self) -> Mapping[str, Any]:
        """What turns data into the model's numbers and back, as plain data; saved beside the weights."""
        return {}

    def fingerprint(self) -> str:
        """What the task's data hash to; part of a trial's address. Generators are their options."""
        return ""


def add_scores(parts: list[Scores]) -> dict[str, float]:
    """The mean of every metric over all batches.

    >>> add_scores([Scores({"loss": 4.0}, {"loss": 2.0}), Scores({"loss": 2.0}, {"loss": 1.0})])
    {'loss': 2.0}
    """
    names = parts[0].sums if parts else {}
    return {name: sum(p.sums[name] for p in parts) / max(sum(p.counts[name] for p in parts), 1e-12) for name in names}
